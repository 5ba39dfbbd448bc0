"""What an environment has cost this month, as Cost Explorer tells it by tags."""

from datetime import datetime, timedelta
from decimal import Decimal

from penstock.aws.errors import translated
from penstock.deploying.target import Target

__all__ = ["cost_so_far"]


def cost_so_far(target: Target, project: str, now: datetime) -> dict[str, Decimal]:
    """Return this month's cost in USD by service, dearest first.

    AWS knows a day's cost the day after, and only of what bears tags that have been
    activated for billing.  Each call costs $0.01.

    Raises:
        ConfigError: AWS does not let us, or the account has no Cost Explorer.
        UnavailableError: AWS does not answer.
    """
    wanted = {"project": project, "environment": target.environment}
    tagged = [{"Tags": {"Key": k, "Values": [v]}} for k, v in wanted.items()]
    with translated("ce GetCostAndUsage"):
        answer = target.clients("ce").get_cost_and_usage(
            TimePeriod={
                "Start": f"{now:%Y-%m}-01",
                "End": f"{now + timedelta(days=1):%Y-%m-%d}",  # not included
            },
            Granularity="MONTHLY",
            Metrics=["UnblendedCost"],
            Filter={"And": tagged},
            GroupBy=[{"Type": "DIMENSION", "Key": "SERVICE"}],
        )
    costs: dict[str, Decimal] = {}
    for period in answer["ResultsByTime"]:
        for group in period["Groups"]:
            service = group["Keys"][0]
            amount = Decimal(group["Metrics"]["UnblendedCost"]["Amount"])
            costs[service] = costs.get(service, Decimal(0)) + amount
    return dict(sorted(costs.items(), key=lambda item: -item[1]))
