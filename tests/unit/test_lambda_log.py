import sys
from types import ModuleType

from penstock.entrypoints.lambda_log import METRICS, Log, open_log, some
from tests.lambdas import ENVIRON, UNITS, Context, Lines, metrics_of


def test_a_line_says_when_what_and_of_which_invocation():
    lines = Lines()
    lines.log.write("info", "batch", Context(), shard="shardId-0")
    assert lines.texts == [
        '{"time":"2023-11-14T22:15:00.000000Z","level":"info","event":"batch",'
        '"FunctionName":"crypto-consumer","request_id":"request-1",'
        '"trace_id":"Root=1-abc;Sampled=1","cold_start":true,"shard":"shardId-0"}\n'
    ]


def test_only_the_first_line_is_of_a_cold_start():
    lines = Lines({})
    lines.log.write("info", "one", None)
    lines.log.write("info", "two", None)
    one, two = lines.read()
    assert one["cold_start"] is True
    assert set(two) == {"time", "level", "event", "FunctionName"}
    assert two["FunctionName"] == "local"


def test_the_trace_is_that_of_each_invocation():
    environ = dict(ENVIRON)
    lines = Lines(environ)
    lines.log.write("info", "one", Context())
    environ["_X_AMZN_TRACE_ID"] = "Root=2-def"
    lines.log.write("info", "two", Context())
    assert [line["trace_id"] for line in lines.read()] == [
        "Root=1-abc;Sampled=1",
        "Root=2-def",
    ]


def test_metrics_stand_in_the_line_in_the_embedded_metric_format():
    lines = Lines()
    metrics = {"Trades": 5, "Profit": -0.25, "Latency": [1.5, 20.0]}
    lines.log.write("info", "batch", Context(), metrics=metrics)
    line = lines.last()
    assert metrics_of(line) == metrics
    assert line["_aws"] == {
        "Timestamp": 1_700_000_100_000,
        "CloudWatchMetrics": [
            {
                "Namespace": "Penstock",
                "Dimensions": [["FunctionName"]],
                "Metrics": [
                    {"Name": "Trades", "Unit": "Count"},
                    {"Name": "Profit", "Unit": "None"},
                    {"Name": "Latency", "Unit": "Milliseconds"},
                ],
            }
        ],
    }


def test_of_many_values_cloudwatch_is_given_what_it_takes():
    lines = Lines()
    lines.log.write("info", "batch", None, metrics={"Latency": list(range(101))})
    assert metrics_of(lines.last()) == {"Latency": list(range(100))}


def test_every_metric_has_a_unit_that_cloudwatch_knows():
    assert set(METRICS.values()) <= set(UNITS)
    assert len(METRICS) <= 100


def test_of_many_texts_the_first_few_are_said():
    assert list(some({str(n): n for n in range(50)})) == [str(n) for n in range(10)]


def test_lines_go_to_standard_output(capsys):
    open_log(ENVIRON).write("info", "started", None)
    out, err = capsys.readouterr()
    assert out.startswith('{"time":"2')
    assert out.endswith('"cold_start":true}\n')
    assert err == ""


# X-Ray.


def test_calls_are_traced_where_that_is_switched_on(monkeypatch):
    patched = []
    core = ModuleType("aws_xray_sdk.core")
    core.patch = patched.append
    monkeypatch.setitem(sys.modules, "aws_xray_sdk", ModuleType("aws_xray_sdk"))
    monkeypatch.setitem(sys.modules, "aws_xray_sdk.core", core)
    assert isinstance(open_log({}), Log)
    assert isinstance(open_log({"PENSTOCK_XRAY": "0"}), Log)
    assert patched == []
    open_log({"PENSTOCK_XRAY": "1"})
    assert patched == [("botocore",)]


def test_a_function_without_the_tracing_package_says_so_and_runs(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "aws_xray_sdk", None)
    open_log({"PENSTOCK_XRAY": "1"})
    assert '"level":"warning","event":"no tracing"' in capsys.readouterr().out
