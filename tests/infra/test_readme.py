"""The README lists every context variable, with its default."""

import re

from tests.infra.templates import FACTS, INFRA

PAGE = (INFRA / "cdk-python" / "README.md").read_text()
CODE = (INFRA / "cdk-python" / "penstock_cdk" / "settings.py").read_text()
ROW = re.compile(r"^\| `(\w+)` \| (.*?) \| (.*?) \|", re.MULTILINE)
HOURS = 730
# What the prices are made of: us-east-1, US dollars an hour.
SHARD, KEPT, ON_DEMAND = 0.015, 0.02, 0.04
CPU, GB, ADDRESS = 0.0405, 0.00445, 0.005
NAT, FIREWALL = 0.045, 0.395


def test_every_variable_has_its_row():
    variables = re.findall(r'\bof\(\s*"(\w+)"', CODE)
    assert len(variables) > 20
    assert [v for v, *_ in ROW.findall(PAGE) if v in variables or v == "profile"] == (
        sorted(variables, key=[r[0] for r in ROW.findall(PAGE)].index)
    )


def test_defaults_are_those_of_the_facts():
    defaults = {variable: default for variable, _, default in ROW.findall(PAGE)}
    functions = FACTS["functions"]
    assert defaults["environment"] == FACTS["environment"]
    assert defaults["streamMode"] == FACTS["stream"]["mode"]
    assert defaults["streamShardCount"] == str(FACTS["stream"]["shards"])
    assert defaults["lambdaMemorySize"] == str(functions["memory_mb"])
    assert defaults["lambdaTimeout"] == str(functions["timeout_s"])
    assert defaults["lambdaArchitecture"] == functions["architecture"]
    assert defaults["lambdaPython"] == functions["python"]
    assert defaults["priceThreshold"] == str(FACTS["alerts"]["price_threshold"])
    assert defaults["owner"] == FACTS["tags"]["owner"]


def price(row):
    (line,) = re.findall(rf"^\| `{row}` .*$", PAGE, re.MULTILINE)
    return [float(n) for n in re.findall(r"\d+\.\d\d", line.split("|")[-2])]


def monthly(hourly):
    return round(hourly * HOURS, 2)


def test_prices_are_those_of_the_hours():
    producer = FACTS["producer"]
    task = producer["task_cpu"] / 1024 * CPU + producer["task_memory_mb"] / 1024 * GB
    assert price("streamShardCount") == [monthly(SHARD), monthly(KEPT)]
    assert price("streamMode")[0] == monthly(ON_DEMAND)
    assert price("enrichment") == [monthly(SHARD + KEPT)]
    assert price("producer") == [monthly(task), monthly(ADDRESS)]
    network = monthly(NAT + ADDRESS)
    assert price("network") == [network, round(network + monthly(FIREWALL), 2)]
