"""The DynamoDB tables: history, state, positions and lookups."""

from dataclasses import dataclass

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from penstock_cdk.facts import FACTS
from penstock_cdk.settings import Settings

__all__ = ["Tables", "make_tables"]


@dataclass(frozen=True, kw_only=True)
class Tables:
    """The tables of one deployment."""

    history: dynamodb.Table
    state: dynamodb.Table
    positions: dynamodb.Table
    lookups: tuple[dynamodb.Table, ...]

    @property
    def all(self) -> tuple[dynamodb.Table, ...]:
        """Every one of them."""
        return (self.history, self.state, self.positions, *self.lookups)


def make_tables(scope: Construct, settings: Settings) -> Tables:
    """Make the tables; they hold prices, so all of them can be wound back."""
    history = _table(scope, settings, "history_table", "ticker", "last_refreshed")
    if settings.history_index:
        history.add_global_secondary_index(
            index_name="by-venue",
            partition_key=_text("venue"),
            sort_key=_text("last_refreshed"),
            projection_type=dynamodb.ProjectionType.ALL,
        )
    state = _table(scope, settings, "state_table", "ticker")
    # Sparse: only states whose outbox waits have the attribute.
    state.add_global_secondary_index(
        index_name="undelivered",
        partition_key=_text("undelivered"),
        sort_key=_text("ticker"),
        projection_type=dynamodb.ProjectionType.KEYS_ONLY,
    )
    positions = _table(scope, settings, "positions_table", "ticker")
    lookups = FACTS["events"]["lookup_tables"] if settings.enrichment else {}
    return Tables(
        history=history,
        state=state,
        positions=positions,
        lookups=tuple(
            _table(scope, settings, "lookup_table", key, of=table)
            for table, key in lookups.items()
        ),
    )


def _table(
    scope: Construct,
    settings: Settings,
    name: str,
    key: str,
    sort: str = "",
    *,
    of: str = "",
) -> dynamodb.Table:
    base = f"{FACTS['names'][name]}-{of}" if of else FACTS["names"][name]
    return dynamodb.Table(
        scope,
        f"{name}-{of}" if of else name,
        table_name=f"{base}-{settings.environment}",
        partition_key=_text(key),
        sort_key=_text(sort) if sort else None,
        billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
        deletion_protection=settings.is_prod,
        removal_policy=(
            RemovalPolicy.RETAIN if settings.is_prod else RemovalPolicy.DESTROY
        ),
    )


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
