"""What penstock.toml decides, as values with their defaults.

Values only: `config` reads them, `config.keys` says what may stand in the file.
"""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from penstock.engine.rules import DropRule, Rules, StrategyRule

__all__ = [
    "DROP",
    "DURABILITIES",
    "ArchiveSettings",
    "AwsSettings",
    "LookupRule",
    "Settings",
    "SourceSettings",
    "StreamSettings",
]

DURABILITIES = ("full", "normal")


class SourceSettings(Struct, frozen=True, kw_only=True):
    """Where trades come from.

    Attributes:
        kinds: Of `feeds.names.SOURCES`, or `ccxt:EXCHANGE`; several go side by side.
        symbols: BASE-QUOTE, for every source; or with a source's name or venue and a
            colon before it, for that one.  Empty for all that the simulated market has.
        rate_per_s: Trades per second over all symbols of the simulated market;
            infinite: as fast as possible.
        seed: Of the simulated market; the same seed makes the same trades.
        interval_us: Between two prices of a symbol, over REST.
        endpoints: By source, its address instead of the venue's own.
        rest: By feed, where past trades are, likewise.
    """

    kinds: tuple[str, ...] = ("simulated",)
    symbols: tuple[str, ...] = ()
    rate_per_s: float = 200.0
    seed: int = 1
    interval_us: int = 10_000_000
    endpoints: Mapping[str, str] = {}
    rest: Mapping[str, str] = {}


class StreamSettings(Struct, frozen=True, kw_only=True):
    """The log between producers and consumers.

    Attributes:
        shards: How many, when the log is first made.
        linger_us: How long a trade may wait for others to share its record.
        max_record_bytes: How large a record of several trades may become.
        retention_us: How long a record is kept, once every consumer is past it.
        durability: One of DURABILITIES; "full" outlives a loss of power.
    """

    shards: int = 2
    linger_us: int = 50_000
    max_record_bytes: int = 5_000  # Firehose bills each record rounded up to 5 KB
    retention_us: int = 86_400_000_000
    durability: str = "full"


class ArchiveSettings(Struct, frozen=True, kw_only=True):
    """The archive, whose objects are closed by age or by size.

    Attributes:
        enabled: Whether raw trades are archived.
        interval_us: Age at which an object is closed.
        max_bytes: Size at which it is, before compression.
    """

    enabled: bool = True
    interval_us: int = 300_000_000
    max_bytes: int = 5_000_000


class LookupRule(Struct, frozen=True, kw_only=True):
    """Which row of which table is added to an event, and where.

    Attributes:
        table: The lookup table.
        key: The event's field whose value picks the row; with dots, a field within a
            field.  Its last name is the table's key as well.
        into: The event's field that the row is put into.
        ttl_us: How long a row that was read is used again.
    """

    table: str
    key: str
    into: str
    ttl_us: int = 300_000_000

    @property
    def table_key(self) -> str:
        """The field of the table's rows that holds their key.

        >>> LookupRule(table="companies", key="user.company_id", into="c").table_key
        'company_id'
        """
        return self.key.rpartition(".")[2]


class AwsSettings(Struct, frozen=True, kw_only=True):
    """Where everything is on AWS; a name that is left out follows from `environment`.

    Attributes:
        environment: What the names of the resources end in.
        region: "" for the one of the AWS configuration and environment.
        endpoint: An address instead of AWS's own, as of an emulator; "" for none.
        stream: Kinesis stream of the trades.
        history_table, state_table, positions_table: DynamoDB tables.
        bucket: S3 bucket of the archive, the completed trades and the dead letters.
        topic_arn: SNS topic of the alerts.
    """

    environment: str = "dev"
    region: str = ""
    endpoint: str = ""
    stream: str = ""
    history_table: str = ""
    state_table: str = ""
    positions_table: str = ""
    bucket: str = ""
    topic_arn: str = ""

    def named(self) -> "AwsSettings":
        """Return the same with every name that the environment gives filled in.

        The bucket's and the topic's contain the account: they stay as they are.

        >>> AwsSettings(environment="test").named().stream
        'crypto-price-stream-test'
        """
        end = self.environment
        return replace(
            self,
            stream=self.stream or f"crypto-price-stream-{end}",
            history_table=self.history_table or f"crypto-price-history-{end}",
            state_table=self.state_table or f"crypto-price-state-{end}",
            positions_table=self.positions_table or f"crypto-positions-{end}",
        )

    def lookup_table(self, table: str) -> str:
        """Return the name of a lookup table in DynamoDB.

        >>> AwsSettings(environment="test").lookup_table("users")
        'crypto-lookup-users-test'
        """
        return f"crypto-lookup-{table}-{self.environment}"


# Without [[alerts]] this one holds, so that a first run shows what an alert is; a drop
# rule that leaves out `ticker` or `window` takes them from here.
DROP = DropRule(drop=Decimal("0.05"), window_us=300_000_000)


class Settings(Struct, frozen=True, kw_only=True):
    """All that penstock.toml decides, with the defaults for what it leaves out.

    Attributes:
        data_dir: Where the embedded pipeline keeps everything; relative to the
            working folder.
        lookups: What events are enriched with, in this order.
        rules: What the step decides by.
    """

    data_dir: Path = Path("penstock-data")
    source: SourceSettings = SourceSettings()
    stream: StreamSettings = StreamSettings()
    archive: ArchiveSettings = ArchiveSettings()
    lookups: tuple[LookupRule, ...] = ()
    aws: AwsSettings = AwsSettings()
    rules: Rules = Rules(alerts=(DROP,), strategy=StrategyRule())
