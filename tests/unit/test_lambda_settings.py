from decimal import Decimal

import pytest

from penstock.config import DROP, AwsSettings, Settings
from penstock.engine.rules import BelowRule
from penstock.entrypoints.lambda_settings import read_settings, with_names
from penstock.errors import ConfigError, InvalidValueError, UnknownKeyError

TOPIC = "arn:aws:sns:eu-west-3:123456789012:crypto-price-alerts-dev"


def test_an_empty_environment_gives_the_defaults():
    assert read_settings({}) == Settings()
    assert read_settings({"PENSTOCK_CONFIG": "", "PRICE_THRESHOLD": ""}) == Settings()


def test_config_holds_the_keys_of_the_file():
    settings = read_settings(
        {
            "PENSTOCK_CONFIG": '{"bars":{"interval":"15s"},'
            '"aws":{"environment":"test"},"alerts":[{"ticker":"BTC-USD","below":85000}]}'
        }
    )
    assert settings.rules.bar_us == 15_000_000
    assert settings.aws.named().stream == "crypto-price-stream-test"
    assert settings.rules.alerts == (
        BelowRule(ticker="BTC-USD", below=Decimal(85000), rearm=Decimal("0.005")),
    )


def test_each_variable_names_one_resource():
    settings = read_settings(
        {
            "STREAM_NAME": "prices",
            "DYNAMO_TABLE_NAME": "history",
            "STATE_TABLE_NAME": "states",
            "POSITIONS_TABLE_NAME": "positions",
            "BUCKET_NAME": "bucket-1",
            "SNS_TOPIC_ARN": TOPIC,
        }
    )
    assert settings.aws == AwsSettings(
        stream="prices",
        history_table="history",
        state_table="states",
        positions_table="positions",
        bucket="bucket-1",
        topic_arn=TOPIC,
    )


def test_a_variable_wins_over_the_config_and_leaves_its_neighbours():
    config = '{"aws":{"stream":"old","bucket":"kept"}}'
    settings = read_settings({"PENSTOCK_CONFIG": config, "STREAM_NAME": "new"})
    assert (settings.aws.stream, settings.aws.bucket) == ("new", "kept")


def test_symbols_are_a_list_with_commas():
    config = '{"source":{"kind":"coinbase-ticker","symbols":["A-B"]}}'
    environ = {"PENSTOCK_CONFIG": config, "SYMBOLS": "BTC-USD, ETH-USD"}
    source = read_settings(environ).source
    assert source.symbols == ("BTC-USD", "ETH-USD")
    assert source.kinds == ("coinbase-ticker",)


def test_names_of_the_environment_go_over_those_of_a_file():
    file = Settings(aws=AwsSettings(stream="file", bucket="kept"))
    settings = with_names(file, {"STREAM_NAME": "prices", "SNS_TOPIC_ARN": ""})
    assert settings.aws == AwsSettings(stream="prices", bucket="kept")


# The threshold.


def test_a_threshold_alone_is_the_only_alert():
    settings = read_settings({"PRICE_THRESHOLD": "85000"})
    assert settings.rules.alerts == (
        BelowRule(ticker="*", below=Decimal(85000), rearm=Decimal("0.005")),
    )


def test_a_threshold_goes_into_the_alert_that_has_one():
    config = '{"alerts":[{"drop":"5%"},{"ticker":"BTC-USD","below":1,"rearm":"1%"}]}'
    environ = {"PENSTOCK_CONFIG": config, "PRICE_THRESHOLD": "0.00000012"}
    assert read_settings(environ).rules.alerts == (
        DROP,
        BelowRule(ticker="BTC-USD", below=Decimal("0.00000012"), rearm=Decimal("0.01")),
    )


def test_a_threshold_joins_alerts_that_have_none():
    environ = {"PENSTOCK_CONFIG": '{"alerts":[{"drop":"5%"}]}', "PRICE_THRESHOLD": "9"}
    below = BelowRule(ticker="*", below=Decimal(9), rearm=Decimal("0.005"))
    assert read_settings(environ).rules.alerts == (DROP, below)


def test_a_threshold_for_several_alerts_is_refused():
    config = '{"alerts":[{"ticker":"A-B","below":1},{"ticker":"C-D","below":2}]}'
    with pytest.raises(ConfigError) as e:
        read_settings({"PENSTOCK_CONFIG": config, "PRICE_THRESHOLD": "3"})
    assert str(e.value) == (
        "environment: PRICE_THRESHOLD is the price of one alert; found 2 with `below` "
        "in PENSTOCK_CONFIG. Leave the variable out, and set them there."
    )


# What cannot be used.


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        (
            {"PRICE_THRESHOLD": "cheap"},
            "environment: PRICE_THRESHOLD must be ",
        ),
        (
            {"SNS_TOPIC_ARN": "crypto-price-alerts"},
            "environment: SNS_TOPIC_ARN must be a topic's ARN, such as "
            '"arn:aws:sns:us-east-1:123456789012:crypto-price-alerts"; found '
            "'crypto-price-alerts'.",
        ),
        (
            {"SYMBOLS": "BTC-USD,btc"},
            "environment: SYMBOLS must be different symbols with commas between, such "
            "as \"BTC-USD,ETH-USD\"; found 'BTC-USD,btc'.",
        ),
        (
            {"BUCKET_NAME": "My_Bucket"},
            "environment: BUCKET_NAME must be a bucket's name: 3 to 63 lower-case "
            'letters, digits, "." and "-"; found \'My_Bucket\'.',
        ),
        (
            {"PENSTOCK_CONFIG": '{"stream":{"linger":5}}'},
            "PENSTOCK_CONFIG: [stream] linger must be a duration with its unit",
        ),
        (
            {"PENSTOCK_CONFIG": '{"aws":5}', "STREAM_NAME": "prices"},
            "PENSTOCK_CONFIG: aws must be a table, begun by [aws]; found 5.",
        ),
        (
            {"PENSTOCK_CONFIG": '{"alerts":5}', "PRICE_THRESHOLD": "3"},
            "PENSTOCK_CONFIG: alerts must be an array of tables, each begun by "
            "[[alerts]]; found 5.",
        ),
    ],
)
def test_what_cannot_be_used_names_its_variable(environ, message):
    with pytest.raises(InvalidValueError) as e:
        read_settings(environ)
    assert str(e.value).startswith(message)


def test_an_unknown_key_of_the_config_is_answered_with_the_nearest():
    with pytest.raises(UnknownKeyError, match="Did you mean 'stream'"):
        read_settings({"PENSTOCK_CONFIG": '{"streams":{}}'})


@pytest.mark.parametrize("text", ["{", "[]", "5", "[stream]\nshards = 1", "\ud800"])
def test_a_config_that_is_no_json_object_is_refused(text):
    with pytest.raises(ConfigError) as e:
        read_settings({"PENSTOCK_CONFIG": text})
    assert str(e.value).startswith(
        "PENSTOCK_CONFIG: must be the keys of penstock.toml as one JSON object, such "
        f'as {{"bars": {{"interval": "1m"}}}}; found {text!r}: '
    )
