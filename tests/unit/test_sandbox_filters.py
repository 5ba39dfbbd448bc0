"""A mapping's filters let through what AWS's would."""

import json

import pytest

from penstock.errors import ConfigError
from penstock.ports import Record
from penstock.sandbox.filters import Filters

TRADE = {"ticker": "kraken:BTC-USD", "price": 98.5, "side": None, "tags": ["a", "b"]}


def filters(*patterns):
    found = [{"Pattern": json.dumps(pattern)} for pattern in patterns]
    return Filters({"FilterCriteria": {"Filters": found}})


def record(data=TRADE, key="kraken:BTC-USD"):
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return Record("shardId-000000000000", 1, key, raw, 0)


def matches(rule, field="ticker"):
    return filters({"data": {field: [rule]}}).match(record())


@pytest.mark.parametrize("mapping", [{}, {"FilterCriteria": None}])
def test_without_filters_everything_passes(mapping):
    assert Filters(mapping).match(record(b"no JSON"))


@pytest.mark.parametrize(
    ("field", "rule", "passes"),
    [
        ("ticker", "kraken:BTC-USD", True),
        ("ticker", "kraken:ETH-USD", False),
        ("side", None, True),
        ("price", None, False),
        ("absent", None, False),
        ("tags", "b", True),
        ("price", 98.5, True),
        ("price", True, False),
        ("ticker", {"prefix": "kraken:"}, True),
        ("ticker", {"prefix": "coinbase:"}, False),
        ("price", {"prefix": "9"}, False),
        ("ticker", {"suffix": "-USD"}, True),
        ("ticker", {"suffix": "-EUR"}, False),
        ("ticker", {"equals-ignore-case": "KRAKEN:btc-usd"}, True),
        ("ticker", {"anything-but": ["kraken:ETH-USD"]}, True),
        ("ticker", {"anything-but": "kraken:BTC-USD"}, False),
        ("ticker", {"anything-but": {"prefix": "kraken:"}}, False),
        ("absent", {"anything-but": ["x"]}, False),
        ("price", {"numeric": [">", 98, "<=", 98.5]}, True),
        ("price", {"numeric": [">", 98.5]}, False),
        ("price", {"numeric": ["=", 98.5]}, True),
        ("ticker", {"numeric": [">=", 0]}, False),
        ("price", {"exists": True}, True),
        ("absent", {"exists": True}, False),
        ("absent", {"exists": False}, True),
        ("price", {"exists": False}, False),
    ],
)
def test_a_rule_lets_through_what_it_says(field, rule, passes):
    assert matches(rule, field) is passes


def test_all_keys_of_a_pattern_must_match_and_any_of_the_patterns():
    both = {"data": {"ticker": [{"prefix": "kraken:"}], "price": [1]}}
    assert not filters(both).match(record())
    assert filters(both, {"partitionKey": ["kraken:BTC-USD"]}).match(record())


def test_or_takes_one_of_several():
    pattern = {"data": {"$or": [{"price": [1]}, {"side": [None]}]}}
    assert filters(pattern).match(record())
    assert not filters(pattern).match(record({"price": 2, "side": "buy"}))


def test_data_that_is_no_json_matches_as_text_alone():
    assert filters({"data": ["plain"]}).match(record(b"plain"))
    assert not filters({"data": {"ticker": [{"exists": True}]}}).match(record(b"plain"))


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ({"data": {"ip": [{"cidr": "10.0.0.0/24"}]}}, "none of the operators known"),
        ({"data": {"$or": [{"x": [{"wildcard": "*"}]}]}}, "none of the operators"),
        (
            {"data": {"ticker": "kraken:BTC-USD"}},
            "ticker must be an object, or an array",
        ),
    ],
)
def test_what_is_not_known_here_is_refused(pattern, complaint):
    with pytest.raises(ConfigError, match=complaint):
        filters(pattern)


def test_a_pattern_that_is_no_json_is_refused():
    with pytest.raises(ConfigError, match="filter pattern 'oops'"):
        Filters({"FilterCriteria": {"Filters": [{"Pattern": "oops"}]}})
