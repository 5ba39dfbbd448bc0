"""The page about the commands is made from their help, and each ends in an example."""

import re

import pytest
from docs.generate_cli import PAGE, make_page

from penstock.entrypoints.cli import COMMANDS, EXIT_CODES
from penstock.entrypoints.cli.tally import Report
from tests.commands import penstock

TEXT = PAGE.read_text(encoding="utf-8")


def test_the_page_is_as_the_commands_help_makes_it():
    assert make_page() == TEXT, "run: python docs/generate_cli.py"


def test_every_command_is_on_the_page():
    documented = re.findall(r"^## penstock (.+)$", TEXT, re.MULTILINE)
    assert documented == list(COMMANDS)


def test_every_exit_code_is_on_the_page_and_in_the_help():
    documented = re.findall(r"^\| (\d+) \|", TEXT, re.MULTILINE)
    shown = re.findall(r"^    (\d+) ", penstock("--help").stdout, re.MULTILINE)
    assert documented == shown == [str(code) for code in EXIT_CODES]


def test_every_field_of_the_report_is_on_the_page():
    documented = re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE)
    assert documented == list(Report.__struct_fields__)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_begins_with_the_summary_and_ends_in_an_example(name):
    for option in ("--help", "-h"):
        said = penstock(*name.split(), option).stdout
        assert said.splitlines()[2].strip() == COMMANDS[name].summary
        assert said.splitlines()[-1].startswith(f"    penstock {name}")
        assert max(map(len, said.splitlines())) <= 80


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_takes_the_same_three_options(name):
    said = penstock(*name.split(), "--help").stdout
    options = ["--config", "--data-dir", "--json"]
    # Some always print JSON, others need no data directory, or no settings either.
    excepted = {
        "produce": ["--json"],
        "consume": ["--data-dir", "--json"],
        "record": ["--data-dir"],
        "package": ["--config", "--data-dir"],
        "deploy": ["--json"],
        "destroy": ["--json"],
        "logs": ["--json"],
        "tail": ["--json"],
        "sandbox up": ["--json"],
        "sandbox down": ["--json"],
        "sandbox install": ["--config", "--data-dir", "--json"],
        "sandbox stop": ["--json"],
        "sandbox env": ["--json"],
        "sandbox poll": ["--json"],
    }
    missing = [option for option in options if f"  {option} " not in said]
    assert missing == excepted.get(name, [])
