"""penstock.toml to Settings, and what is said of a file that cannot be used."""

import json
from decimal import Decimal
from math import inf
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.codec import decode_trade
from penstock.config import (
    DURABILITIES,
    TABLES,
    TOP_LEVEL,
    ArchiveSettings,
    AwsSettings,
    LookupRule,
    Settings,
    SourceSettings,
    StreamSettings,
    load,
    parse,
)
from penstock.engine.rules import BelowRule, DropRule, Rules, StrategyRule
from penstock.errors import (
    BadRecordError,
    ConfigError,
    InvalidValueError,
    UnknownKeyError,
)
from penstock.feeds.names import SOURCES

EVERYTHING = """
data_dir = "/var/lib/penstock"
source.kind = ["coinbase", "ccxt:okx"]
source.symbols = ["BTC-USD", "okx:ETH-EUR"]
source.rate = "max"
source.seed = 7
source.interval = "1m"
source.endpoints = { coinbase = "ws://a:1", coinbase-spot = "http://a:2" }
source.rest.coinbase = "http://a:3"
stream.shards = 16
stream.linger = "0s"
stream.max_record = "1MiB"
stream.retention = "7d"
stream.durability = "normal"
[bars]
interval = "15s"
[[alerts]]
ticker = "kraken:BTC-USD"
below = "0.00001234"
rearm = 0
[[alerts]]
drop = 0.1
window = "1h"
[strategy]
ticker = "BTC-USD"
window = "30s"
dip = 0.02
take_profit = 0.03
stop_loss = "3%"
cooldown = "90s"
notional = "2500.50"
fee_bps = 2.5
slippage_bps = 1
[history]
resolution = "tick"
[archive]
enabled = false
interval = "1m"
max_bytes = 1000000
[[lookups]]
table = "users"
key = "user_id"
into = "user"
ttl = "1m"
[aws]
environment = "prod"
region = "eu-west-3"
endpoint = "http://127.0.0.1:4566"
stream = "s"
history_table = "hhh"
state_table = "ttt"
positions_table = "ppp"
bucket = "bbb"
topic_arn = "arn:aws:sns:eu-west-3:123456789012:t"
"""


def refusal(toml):
    """Return what is said against a file; None where it can be used."""
    try:
        parse(toml, "my.toml")
    except ConfigError as e:
        return str(e)
    return None


# What a file becomes


def test_every_key_fills_its_own_field():
    assert parse(EVERYTHING, "my.toml") == Settings(
        data_dir=Path("/var/lib/penstock"),
        source=SourceSettings(
            kinds=("coinbase", "ccxt:okx"),
            symbols=("BTC-USD", "okx:ETH-EUR"),
            rate_per_s=inf,
            seed=7,
            interval_us=60_000_000,
            endpoints={"coinbase": "ws://a:1", "coinbase-spot": "http://a:2"},
            rest={"coinbase": "http://a:3"},
        ),
        stream=StreamSettings(
            shards=16,
            linger_us=0,
            max_record_bytes=1_048_576,
            retention_us=604_800_000_000,
            durability="normal",
        ),
        archive=ArchiveSettings(
            enabled=False, interval_us=60_000_000, max_bytes=1_000_000
        ),
        lookups=(
            LookupRule(table="users", key="user_id", into="user", ttl_us=60_000_000),
        ),
        aws=AwsSettings(
            environment="prod",
            region="eu-west-3",
            endpoint="http://127.0.0.1:4566",
            stream="s",
            history_table="hhh",
            state_table="ttt",
            positions_table="ppp",
            bucket="bbb",
            topic_arn="arn:aws:sns:eu-west-3:123456789012:t",
        ),
        rules=Rules(
            bar_us=15_000_000,
            history="tick",
            alerts=(
                BelowRule(
                    ticker="kraken:BTC-USD",
                    below=Decimal("0.00001234"),
                    rearm=Decimal(0),
                ),
                DropRule(ticker="*", drop=Decimal("0.1"), window_us=3_600_000_000),
            ),
            strategy=StrategyRule(
                ticker="BTC-USD",
                window_us=30_000_000,
                dip=Decimal("0.02"),
                take_profit=Decimal("0.03"),
                stop_loss=Decimal("0.03"),
                cooldown_us=90_000_000,
                notional=Decimal("2500.5"),
                fee_bps=Decimal("2.5"),
                slippage_bps=Decimal(1),
            ),
        ),
    )


def test_names_on_aws_follow_from_the_environment_unless_given():
    settings = parse('aws.environment = "test"\naws.stream = "mine"', "my.toml")
    assert settings.aws.named() == AwsSettings(
        environment="test",
        stream="mine",
        history_table="crypto-price-history-test",
        state_table="crypto-price-state-test",
        positions_table="crypto-positions-test",
    )


@pytest.mark.parametrize("missing", ["table", "key", "into"])
def test_a_lookup_needs_its_table_key_and_field(missing):
    keys = [f'{k} = "abc"' for k in ("table", "key", "into") if k != missing]
    said = refusal("[[lookups]]\n" + "\n".join(keys))
    assert said == (
        f"my.toml: [lookups #1] must have table, key and into; {missing} missing."
    )


def test_the_field_that_every_enriched_event_has_is_not_for_rows():
    keys = 'table = "users"\nkey = "user_id"\ninto = '
    assert refusal(f'[[lookups]]\n{keys}"penstock"') == (
        "my.toml: [lookups #1] into must be the name of a field to be added to the "
        'event, such as "user"; not "penstock"; found \'penstock\'.'
    )
    assert refusal(f'[[lookups]]\n{keys}"penstocks"') is None


@pytest.mark.parametrize("toml", ["", "\n# nothing\n", "[stream]\n[strategy]\n"])
def test_an_empty_file_is_all_defaults(toml):
    assert parse(toml, "my.toml") == Settings() == load(None)


def test_without_a_file_a_fall_of_five_percent_in_five_minutes_raises_an_alert():
    assert Settings().rules.alerts == (
        DropRule(ticker="*", drop=Decimal("0.05"), window_us=300_000_000),
    )


def test_alerts_of_the_file_take_the_place_of_the_default_one():
    one = parse("[[alerts]]\nbelow = 85000", "my.toml").rules.alerts
    assert one == (BelowRule(below=Decimal(85000), rearm=Decimal("0.005")),)
    assert parse("alerts = []", "my.toml").rules.alerts == ()


def test_a_strategy_is_traded_unless_disabled():
    assert parse("[strategy]\ndip = 0.5", "f").rules.strategy.dip == Decimal("0.5")
    assert parse("[strategy]\nenabled = false\ndip = 0.5", "f").rules.strategy is None


@given(percent=st.decimals("0.01", "99.99", places=2))
@settings(max_examples=25)
def test_a_fraction_and_its_percentage_are_the_same_settings(percent):
    fraction = percent.scaleb(-2)
    assert parse(f'[strategy]\ndip = "{percent}%"', "f") == parse(
        f"[strategy]\ndip = {fraction:f}", "f"
    )


@given(symbol=st.text("A9._/-a:", max_size=5))
@settings(max_examples=50)
def test_a_symbol_is_known_here_just_where_the_wire_takes_it(symbol):
    fields = {"symbol": symbol, "price": 1, "size": 0, "event_us": 0, "received_us": 0}
    try:
        decode_trade(json.dumps({"venue": "v", **fields}).encode())
        on_the_wire = True
    except BadRecordError:
        on_the_wire = False
    in_a_ticker = refusal(f'[strategy]\nticker = "v:{symbol}"') is None
    assert in_a_ticker == on_the_wire
    # A list takes lower case as well, and a source before a colon.
    if symbol == symbol.upper() and ":" not in symbol:
        in_a_list = refusal(f'[source]\nsymbols = ["{symbol}"]') is None
        assert in_a_list == on_the_wire


def test_a_symbol_may_be_written_in_lower_case():
    found = parse('[source]\nsymbols = ["btc-usd", "Kraken:eth-EUR"]', "f")
    assert found.source.symbols == ("BTC-USD", "kraken:ETH-EUR")


# What is refused


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        ("data_dir = 3", "data_dir must be text in quotes; found 3."),
        ('data_dir = "~/p"', 'such as "penstock-data"; "~" is not expanded; found'),
        ('data_dir = ""', "data_dir must be a folder"),
        ('data_dir = "a\\u0000b"', "data_dir must be a folder"),
        (
            "[source]\nkind = 'simulate'",
            '(did you mean "simulated"?), or "ccxt:" and an exchange, such as',
        ),
        ("[source]\nkind = 'replay'", 'kind must be "simulated" or "binance" or'),
        ("[source]\nkind = ['kraken', 'kraken']", "or a list of different ones"),
        ("[source]\nkind = []", "or a list of different ones"),
        ("[source]\nkind = ['kraken', 3]", 'kind must be "simulated" or "binance"'),
        ("[source]\nkind = 'ccxt:'", 'such as "ccxt:okx"; found'),
        (
            "[source]\nkind = ['simulated', 'kraken']",
            "sources of one sort: the simulated market has its own time; found",
        ),
        ("[source]\ninterval = '1ms'", 'interval must be at least "1s"'),
        (
            "[source.endpoints]\nnasdaq = 'wss://a'",
            "a table of addresses that begin with wss:// or ws:// or https:// or",
        ),
        (
            "[source.endpoints]\nkraken = 'https://a'",
            "endpoints must be an address that begins with wss:// for kraken; found",
        ),
        (
            "[source.endpoints]\ncoinbase-spot = 'wss://a'",
            "an address that begins with https:// for coinbase-spot; found",
        ),
        ("[source.rest]\nkraken = 'wss://a'", "rest must be a table of addresses"),
        ("[source]\nrest = 'http://a'", "rest must be a table of addresses"),
        ("[source]\nsymbols = 'BTC-USD'", "must be a list of different symbols"),
        ("[source]\nsymbols = ['BTCUSD']", "must be a list of different symbols"),
        ("[source]\nsymbols = ['a-b', 'A-B']", "must be a list of different symbols"),
        ("[source]\nsymbols = [1e-05]", "must be a list of different symbols"),
        ("[source]\nsymbols = ['A-B', 'A-B']", "must be a list of different symbols"),
        ("[source]\nsymbols = [['A-B']]", "must be a list of different symbols"),
        ("[source]\nrate = 0", 'rate must be above 0 and at most "max"; found 0.'),
        ("[source]\nrate = inf", 'a rate per second, such as 200, or "max"'),
        ("[source]\nseed = -1", "seed must be at least 0 and at most 92233720368"),
        ("[source]\nseed = 1.0", "seed must be a whole number; found 1.0."),
        ("[stream]\nshards = 0", "shards must be at least 1 and at most 1024; found 0"),
        ("[stream]\nshards = 1025", "shards must be at least 1 and at most 1024"),
        ("[stream]\nshards = true", "shards must be a whole number; found True."),
        ("[stream]\nshards = '2'", "shards must be a whole number; found '2'."),
        ("[stream]\nlinger = 50", "linger must be a duration with its unit, such as"),
        ("[stream]\nlinger = '11s'", 'linger must be at least "0s" and at most "10s"'),
        ("[stream]\nmax_record = 0", "at least 1 and at most 1048576; found 0"),
        ("[stream]\nmax_record = '2MiB'", "at most 1048576; found '2MiB'"),
        ("[stream]\nretention = '1s'", 'at least "1m" and at most "365d"'),
        (
            "[stream]\ndurability = 'ful'",
            '"full" or "normal" (did you mean "full"?); found \'ful\'.',
        ),
        (
            "[stream]\ndurability = 1979-05-27",
            '"full" or "normal"; found datetime.date',
        ),
        ("[bars]\ninterval = '0s'", 'at least "1s" and at most "1d"; found'),
        ("[bars]\ninterval = '7s'", "whole number of seconds that divides a day"),
        ("[bars]\ninterval = '1.5s'", "whole number of seconds that divides a day"),
        ("[strategy]\nticker = 'btc'", 'a symbol such as "BTC-USD", or a ticker such'),
        ("[strategy]\nticker = 'Kraken:BTC-USD'", "or a ticker such as"),
        ("[strategy]\nwindow = '1.0005s'", "a whole number of milliseconds, such as"),
        ("[strategy]\nwindow = '999ms'", 'at least "1s" and at most "7d"'),
        ("[strategy]\nwindow = '8d'", 'at least "1s" and at most "7d"'),
        ("[strategy]\ndip = 0", "dip must be above 0 and below 1; found 0."),
        ("[strategy]\ndip = '100%'", "dip must be above 0 and below 1; found '100%'"),
        ("[strategy]\ndip = nan", 'dip must be a fraction, such as 0.05 or "5%"'),
        ("[strategy]\ntake_profit = 0", "take_profit must be above 0"),
        ("[strategy]\nstop_loss = 1", "stop_loss must be above 0 and below 1"),
        ("[strategy]\ncooldown = '-1s'", "cooldown must be a duration"),
        ("[strategy]\nnotional = 0", "notional must be above 0"),
        ("[strategy]\nnotional = inf", "notional must be a number"),
        ("[strategy]\nfee_bps = 10000", "fee_bps must be at least 0 and below 10000"),
        ("[strategy]\nslippage_bps = 10001", "at least 0 and at most 10000"),
        ("[strategy]\nenabled = 1", "enabled must be true or false; found 1."),
        ("[history]\nresolution = '1sec'", '(did you mean "1s"?); found'),
        ("[archive]\nmax_bytes = '5mb'", 'a size, such as 5000, "5kB", "5MB" or'),
        ("[archive]\ninterval = 300", "interval must be a duration"),
        ("stream = 3", "my.toml: stream must be a table, begun by [stream]; found 3."),
        ("[[stream]]\nshards = 2", "must be a table, begun by [stream]; found [{"),
        ("[alerts]\nbelow = 1", "an array of tables, each begun by [[alerts]]; found"),
        ("alerts = [1]", "alerts #1 must be a table"),
        ("[[alerts]]\nbelow = 0", "[alerts #1] below must be above 0"),
        ("[[alerts]]\nbelow = 1\nrearm = 1", "rearm must be at least 0 and below 1"),
        ("[[alerts]]\ndrop = 5", "[alerts #1] drop must be above 0 and below 1"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_what_may_stand_there(toml, expected):
    said = refusal(toml)
    assert said.startswith("my.toml: ")
    assert expected in said


def test_the_error_carries_where_and_what():
    with pytest.raises(InvalidValueError) as caught:
        parse("[[alerts]]\nbelow = 1\n[[alerts]]\ndrop = 2", "my.toml")
    error = caught.value
    assert (error.path, error.table, error.key) == ("my.toml", "alerts #2", "drop")
    assert error.found == 2


def test_an_unknown_key_is_named_with_the_nearest_known_one():
    with pytest.raises(UnknownKeyError) as caught:
        parse("[stream]\nshard = 2", "my.toml")
    assert str(caught.value) == (
        "my.toml: unknown key 'shard' in [stream]. Did you mean 'shards'? "
        "Known keys: durability, linger, max_record, retention, shards."
    )


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        ("[strategi]\n", "unknown key 'strategi' at the top level. Did you mean"),
        ("shards = 2", "unknown key 'shards' at the top level."),
        ("'' = 2", "unknown key '' at the top level."),
        ("[[alerts]]\nbelow = 1\nunder = 2", "unknown key 'under' in [alerts #1]."),
    ],
)
def test_unknown_tables_and_keys_are_errors_at_every_level(toml, expected):
    assert expected in refusal(toml)


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ("", "none"),
        ("ticker = '*'", "ticker"),
        ("below = 1\ndrop = 0.1", "below, drop"),
        ("below = 1\nwindow = '5m'", "below, window"),
        ("drop = 0.1\nrearm = 0.1", "drop, rearm"),
    ],
)
def test_an_alert_has_one_condition_and_only_what_goes_with_it(keys, found):
    assert refusal(f"[[alerts]]\n{keys}") == (
        "my.toml: [alerts #1] must have either below, which may go with rearm, or "
        f"drop, which may go with window; found {found}."
    )


def test_two_alerts_of_one_condition_for_one_ticker_are_an_error():
    said = refusal(
        "[[alerts]]\ndrop = 0.05\n[[alerts]]\ndrop = '5.0%'\nwindow = '300s'"
    )
    assert said == (
        "my.toml: [alerts #2] must differ from the alerts before it; found "
        "drop:0.05:5m for '*' again. Remove one of the two."
    )


def test_one_condition_for_two_tickers_is_no_error():
    toml = "[[alerts]]\nbelow = 1\n[[alerts]]\nticker = 'BTC-USD'\nbelow = 1"
    assert [r.ticker for r in parse(toml, "f").rules.alerts] == ["*", "BTC-USD"]


def test_bars_shorter_than_minutes_do_not_go_with_history_of_minutes():
    said = refusal("[bars]\ninterval = '90s'\n[history]\nresolution = '1m'")
    assert said == (
        "my.toml: [bars] interval must be a whole number of minutes where [history] "
        "resolution is \"1m\"; found '90s'."
    )
    five = parse("[bars]\ninterval = '5m'\n[history]\nresolution = '1m'", "f").rules
    assert (five.bar_us, five.history) == (300_000_000, "1m")


@pytest.mark.parametrize(
    ("toml", "place"),
    [
        ("[stream]\nshards = ", "(at line 2, column 10)"),
        ("[stream\n", "(at line 1, column 8)"),
        ("a = 1\na = 2", "(at line 2, column 6)"),
        ("a = '''", "(at end of document)"),
    ],
)
def test_a_mistake_in_toml_is_named_with_line_and_column(toml, place):
    assert refusal(toml).startswith("my.toml: not TOML: ")
    assert place in refusal(toml)


@given(
    table=st.sampled_from(["", *TABLES]),
    key=st.sampled_from([k for keys in (TOP_LEVEL, *TABLES.values()) for k in keys]),
    value=st.one_of(
        st.booleans(),
        st.integers(),
        st.floats(),
        st.sampled_from([*SOURCES, *DURABILITIES, "5m", "5%", "1MiB", "*", "BTC-USD"]),
    ),
)
@settings(max_examples=50)
def test_any_value_of_any_key_is_read_or_is_a_settings_error(table, key, value):
    written = str(value).lower() if isinstance(value, bool) else repr(value)
    header = "" if not table else "[[alerts]]" if table == "alerts" else f"[{table}]"
    said = refusal(f"{header}\n{key} = {written}")
    assert said is None or said.startswith("my.toml: ")


# Files


def test_a_file_saved_by_another_system_reads_the_same(tmp_path):
    file = tmp_path / "penstock.toml"
    file.write_bytes(b"\xef\xbb\xbf[stream]\r\nshards = 3\r\n")
    assert load(file).stream.shards == 3


def test_messages_name_the_file_as_it_was_given(tmp_path):
    file = tmp_path / "other.toml"
    file.write_text("[stream]\nshards = 0\n")
    with pytest.raises(InvalidValueError) as caught:
        load(file)
    assert str(caught.value).startswith(f"{file}: [stream] shards must be")


def test_a_file_that_is_not_there_is_an_error_with_a_way_out(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "penstock.toml")
    assert str(caught.value) == (
        f"{tmp_path / 'penstock.toml'}: cannot be read: No such file or directory. "
        "Name a file that exists and that this user may read, or name none and take "
        "the defaults."
    )


def test_a_directory_is_no_file(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(tmp_path)


def test_a_file_that_this_user_may_not_read_is_an_error(tmp_path):
    file = tmp_path / "penstock.toml"
    file.touch(mode=0o000)
    try:
        file.read_bytes()
    except PermissionError:
        with pytest.raises(ConfigError, match="cannot be read: Permission denied"):
            load(file)
    else:
        pytest.skip("this user may read every file")


def test_bytes_that_are_no_text_are_named_with_their_line(tmp_path):
    file = tmp_path / "penstock.toml"
    file.write_bytes(b"[source]\n# caf\xe9\n")
    with pytest.raises(ConfigError, match=r"line 2 is not UTF-8: found b'\\xe9'"):
        load(file)
