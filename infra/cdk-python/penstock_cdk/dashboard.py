"""The dashboard: is it alive, is it behind, is it right, is it worth it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch

from penstock_cdk.settings import Settings

if TYPE_CHECKING:
    from penstock_cdk.monitoring_stack import Watched

__all__ = ["make_dashboard"]

_MINUTE = Duration.minutes(1)


def make_dashboard(
    stack: Stack,
    *,
    settings: Settings,
    watched: Watched,
    alarms: Sequence[cloudwatch.Alarm],
) -> None:
    """Make the dashboard of `watched`, alarms first."""
    name = settings.named("dashboard")
    dashboard = cloudwatch.Dashboard(
        stack,
        "Dashboard",
        dashboard_name=name,
        default_interval=Duration.hours(3),
    )
    dashboard.add_widgets(
        cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(alarms), width=24)
    )
    dashboard.add_widgets(*_flow(watched), _lag(watched))
    dashboard.add_widgets(*_results(settings))
    dashboard.add_widgets(*_health(watched))
    CfnOutput(
        stack,
        "DashboardUrl",
        value=(
            f"https://{stack.region}.console.aws.amazon.com/cloudwatch/home"
            f"?region={stack.region}#dashboards:name={name}"
        ),
    )


def _graph(
    title: str, left: list[cloudwatch.IMetric], *, width: int = 8, label: str = ""
) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(
        title=title,
        left=left,
        width=width,
        left_y_axis=cloudwatch.YAxisProps(label=label, min=0, show_units=False),
    )


def _flow(watched: Watched) -> list[cloudwatch.IWidget]:
    stream = watched.stream
    consumer = watched.functions["consumer"]
    return [
        _graph(
            "Records in",
            [
                stream.metric_incoming_records(period=_MINUTE, statistic="Sum"),
                stream.metric_write_provisioned_throughput_exceeded(
                    period=_MINUTE, statistic="Sum", label="refused"
                ),
            ],
            label="a minute",
        ),
        _graph(
            "Consumer",
            [
                consumer.metric_invocations(period=_MINUTE, statistic="Sum"),
                consumer.metric_errors(period=_MINUTE, statistic="Sum"),
                consumer.metric_throttles(period=_MINUTE, statistic="Sum"),
            ],
            label="a minute",
        ),
    ]


def _lag(watched: Watched) -> cloudwatch.IWidget:
    consumer = watched.functions["consumer"]
    return _graph(
        "How far behind",
        [
            consumer.metric("IteratorAge", period=_MINUTE, statistic="Maximum"),
            watched.stream.metric_get_records_iterator_age_milliseconds(
                period=_MINUTE, statistic="Maximum", label="any reader"
            ),
        ],
        label="milliseconds",
    )


def _own(settings: Settings, name: str, statistic: str = "Sum") -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace="Penstock",
        metric_name=name,
        dimensions_map={"FunctionName": settings.named("consumer")},
        period=_MINUTE,
        statistic=statistic,
        label=name,
    )


def _results(settings: Settings) -> list[cloudwatch.IWidget]:
    return [
        _graph("Trades", [_own(settings, "Trades")], label="a minute"),
        _graph(
            "What is not as it should be",
            [_own(settings, n) for n in ("Gaps", "Late", "Duplicates", "DeadLetters")],
            label="a minute",
        ),
        _graph(
            "Alerts and profit",
            [_own(settings, "Alerts"), _own(settings, "Profit")],
        ),
    ]


def _health(watched: Watched) -> list[cloudwatch.IWidget]:
    return [
        _graph(
            "Duration, p99",
            [
                f.metric_duration(period=_MINUTE, statistic="p99", label=name)
                for name, f in watched.functions.items()
            ],
            label="milliseconds",
            width=12,
        ),
        _graph(
            "Tables: write units",
            [
                t.metric_consumed_write_capacity_units(
                    period=_MINUTE, statistic="Sum", label=t.node.id
                )
                for t in watched.tables
            ],
            label="a minute",
            width=12,
        ),
    ]
