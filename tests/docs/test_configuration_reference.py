"""The configuration reference and the example hold every key, and nothing else."""

import re
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from penstock.config import TABLES, TOP_LEVEL, Settings, load, parse
from penstock.engine.rules import BelowRule

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/configuration.md").read_text()
EXAMPLE = ROOT / "examples/penstock.toml"
HEADING = re.compile(r"^## \[*(.+?)\]*$", re.MULTILINE)
ROW = re.compile(r"^\| `(\w+)` \| .+? \| `?(.+?)`? \| .+ \|$", re.MULTILINE)
ARRAYS = ("alerts", "lookups")
FENCE = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def documented():
    """Return {table: {key: default}} as the page has it."""
    _, _, *parts = HEADING.split(PAGE)  # up to "How values are written"
    names = parts[1::2]
    return {
        name: dict(ROW.findall(part))
        for name, part in zip(names, parts[2::2], strict=True)
    }


DOCUMENTED = documented()


def test_page_has_every_table_and_key_in_the_order_of_the_code():
    known = {"Top level": TOP_LEVEL, **TABLES}
    assert [(name, list(keys)) for name, keys in DOCUMENTED.items()] == [
        (name, list(keys)) for name, keys in known.items()
    ]


@pytest.mark.parametrize(
    ("table", "key", "default"),
    [
        (table, key, default)
        for table, keys in DOCUMENTED.items()
        for key, default in keys.items()
        if table not in ARRAYS and default != "none"
    ],
)
def test_setting_a_key_to_its_documented_default_changes_nothing(table, key, default):
    header = "" if table == "Top level" else f"[{table}]\n"
    assert parse(f"{header}{key} = {default}", "page") == Settings()


def test_documented_defaults_of_alerts_are_those_of_rules_without_them():
    default = DOCUMENTED["alerts"]
    drop = f"ticker = {default['ticker']}\nwindow = {default['window']}"
    assert parse(f'[[alerts]]\ndrop = "5%"\n{drop}', "page") == Settings()
    below = "[[alerts]]\nbelow = 1\n"
    written = parse(f"{below}rearm = {default['rearm']}", "page")
    assert written == parse(below, "page")


def test_keys_without_a_default_are_known():
    assert [
        key
        for keys in DOCUMENTED.values()
        for key, default in keys.items()
        if default == "none"
    ] == ["below", "drop", "stop_loss", "table", "key", "into"]
    assert Settings().rules.strategy.stop_loss is None


def test_messages_on_the_page_are_the_real_ones():
    files = [
        "[strategy]\ntake_profits = 0.05",
        '[stream]\ndurability = "ful"',
        '[[alerts]]\nbelow = 1\n[[alerts]]\ndrop = "5%"\nwindow = 300',
    ]
    messages = []
    for file in files:
        with pytest.raises(Exception, match=r"penstock\.toml") as caught:
            parse(file, "penstock.toml")
        messages.append(str(caught.value))
    assert FENCE.search(PAGE)[1].splitlines() == messages


def test_example_loads_to_the_defaults_and_the_two_sample_alerts():
    defaults = Settings()
    below = BelowRule(ticker="BTC-USD", below=Decimal(85000), rearm=Decimal("0.005"))
    alerts = (below, *defaults.rules.alerts)
    assert load(EXAMPLE) == replace(
        defaults, rules=replace(defaults.rules, alerts=alerts)
    )


def test_example_has_every_key_of_every_table():
    example = EXAMPLE.read_text().replace("# stop_loss", "stop_loss")
    for line in ("[[lookups]]", "table", "key", "into", "ttl"):
        example = example.replace(f"# {line} ", f"{line} ")
    document = tomllib.loads(example)
    (lookup,) = document.pop("lookups")
    assert lookup.keys() == TABLES["lookups"].keys()
    below, drop = document.pop("alerts")
    tables = {name: t for name, t in document.items() if isinstance(t, dict)}
    assert {name: list(keys) for name, keys in tables.items()} == {
        name: list(keys) for name, keys in TABLES.items() if name not in ARRAYS
    }
    assert {**below, **drop}.keys() == TABLES["alerts"].keys()
    assert document.keys() - tables.keys() == TOP_LEVEL.keys()
