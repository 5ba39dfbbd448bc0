"""The reference of the functions has every variable, metric and message there is."""

import importlib
import re
from pathlib import Path

import pytest

from penstock.entrypoints.lambda_log import METRICS
from penstock.entrypoints.lambda_settings import (
    AWS_VARIABLES,
    CONFIG,
    SYMBOLS,
    THRESHOLD,
    read_settings,
)
from penstock.errors import ConfigError

PAGE = (Path(__file__).parents[2] / "docs/reference/lambda.md").read_text()
ROW = re.compile(r"^\| `([\w.]+)` \| (.+?) \|", re.MULTILINE)
FENCE = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def table(heading):
    """The first two columns of the table under a heading."""
    part = PAGE.partition(f"# {heading}\n")[2]
    return dict(ROW.findall(re.split(r"^#", part, flags=re.MULTILINE)[0]))


def test_every_variable_is_there_with_what_it_sets():
    rows = table("Settings")
    assert list(rows) == [CONFIG, THRESHOLD, SYMBOLS, *AWS_VARIABLES, "PENSTOCK_XRAY"]
    assert {name: rows[name] for name in AWS_VARIABLES} == {
        name: f"`[aws] {key}`" for name, key in AWS_VARIABLES.items()
    }


def test_every_metric_is_there_with_its_unit():
    assert table("Metrics") == METRICS


def test_every_function_is_there_and_can_be_imported():
    for name in table("Functions on AWS Lambda"):
        assert importlib.import_module(name)


def test_the_messages_are_what_is_said():
    said = []
    for environ in (
        {"BUCKET_NAME": "My_Bucket"},
        {CONFIG: '{"streams": {}}'},
        {CONFIG: '{"alerts": [{"below": 1}, {"below": 2}]}', THRESHOLD: "3"},
    ):
        with pytest.raises(ConfigError) as e:
            read_settings(environ)
        said.append(str(e.value))
    assert said == FENCE.search(PAGE)[1].splitlines()
