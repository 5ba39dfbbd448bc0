"""The documentation's commands run, its snippets work, its links lead somewhere.

A fenced block says what it is by its first word:

* `console`: lines that begin with "$ " are commands (those that begin with "> " go on
  with one), the others are what it prints, in which "..." stands for anything.  All of
  a page's commands run one after another in one empty folder.
* `console no-run: REASON`: not run, for that reason.
* `python`: runs by itself.  `toml`: is a penstock.toml.  `json`: is JSON.
* `text`, `mermaid`, or nothing: to be looked at.
"""

import doctest
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

import penstock
from penstock import errors
from penstock.config import parse
from penstock.drivers.files import FORMATS
from penstock.model import Trade

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
ADRS = sorted((DOCS / "adr").glob("[0-9]*.md"))
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *DOCS.rglob("*.md"),
        *ROOT.glob("infra/cdk-*/README.md"),
        ROOT / "benchmarks" / "README.md",
    ]
)
LANGUAGES = {"", "console", "json", "mermaid", "python", "text", "toml"}

FENCE = re.compile(r"^```(\w*) *(.*)\n((?:.*\n)*?)```$", re.MULTILINE)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
TARGET = re.compile(r"\bmake ([a-z]+)\b")
OPTION = re.compile(r"--(\w+)")
OUTPUT = doctest.OutputChecker()
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class Block(NamedTuple):
    """A fenced block: where it stands, what its first line says, what is in it."""

    page: Path
    line: int
    language: str
    note: str
    text: str

    @property
    def place(self):
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks_of(page):
    text = page.read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        yield Block(page, text.count("\n", 0, match.start()) + 1, *match.groups())


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def blocks(language):
    return [
        pytest.param(block, id=block.place)
        for block in BLOCKS
        if block.language == language
    ]


def steps_of(block):
    """Yield the commands of a block, each with what it is said to print."""
    steps = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            steps.append(([line[2:]], []))
        elif line.startswith("> "):
            steps[-1][0].append(line[2:])
        else:
            steps[-1][1].append(line)
    for command, output in steps:
        yield "\n".join(command), "\n".join(output)


def prose(page):
    """Return a page's text without its code."""
    return CODE.sub("", FENCE.sub("", page.read_text(encoding="utf-8")))


def anchors(page):
    """Return a page's headings as links name them."""
    headings = HEADING.findall(FENCE.sub("", page.read_text(encoding="utf-8")))
    return {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-")
        for heading in headings
    }


def run_block(block, folder):
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "COLUMNS": "100",
    }
    for command, expected in steps_of(block):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        said = f"{block.place}: {command}\n{done.stdout}"
        assert done.returncode == 0, said
        if expected:
            assert OUTPUT.check_output(expected, done.stdout, OPTIONS), said


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=str(page.relative_to(ROOT)))
        for page in PAGES
        if any(b.language == "console" and not b.note for b in blocks_of(page))
    ],
)
def test_commands_of_a_page_run(page, tmp_path):
    for block in blocks_of(page):
        if block.language == "console" and not block.note:
            run_block(block, tmp_path)


@pytest.mark.parametrize("block", blocks("python"))
def test_python_runs(block, tmp_path):
    command = [sys.executable, "-W", "error", "-c", block.text]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", blocks("toml"))
def test_settings_are_accepted(block):
    parse(block.text, block.place)


@pytest.mark.parametrize("block", blocks("json"))
def test_json_is_json(block):
    for line in block.text.splitlines():
        json.loads(line)


def test_every_block_says_what_it_is():
    assert {block.language for block in BLOCKS} <= LANGUAGES
    strange = [
        block.place
        for block in BLOCKS
        if block.note and not re.fullmatch(r"no-run: \S.+", block.note)
    ]
    assert strange == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    dead = []
    for link in LINK.findall(prose(page)):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if link.startswith(("https:", "http:")):
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert dead == []


def test_every_page_is_linked_from_its_index():
    linked = {
        (index.parent / link.partition("#")[0]).resolve()
        for index in (DOCS / "index.md", DOCS / "adr" / "README.md")
        for link in LINK.findall(prose(index))
    }
    assert {*DOCS.rglob("*.md")} - linked == {DOCS / "index.md"}


def test_decisions_are_numbered_listed_by_title_and_complete():
    numbers = [int(adr.name[:4]) for adr in ADRS]
    assert numbers == list(range(1, len(ADRS) + 1))
    listed = (DOCS / "adr" / "README.md").read_text(encoding="utf-8")
    for adr in ADRS:
        title, *sections = HEADING.findall(adr.read_text(encoding="utf-8"))
        assert f"[{title}]({adr.name})" in listed
        assert sections == ["Context", "Decision", "Consequences"], adr.name


def test_targets_of_make_that_the_documentation_names_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    known = {*re.findall(r"^([a-z]+):", makefile, re.MULTILINE)}
    known |= {path.parent.name for path in ROOT.glob("tests/*/test_*.py")}
    code = [block.text for block in BLOCKS if block.language == "console"]
    code += [c for page in PAGES for c in CODE.findall(page.read_text("utf-8"))]
    named = {target for text in code for target in TARGET.findall(text)}
    assert named <= known
    assert {"run", "test"} <= named


def test_wire_format_has_every_field():
    page = (DOCS / "reference" / "wire-format.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[^|]+`) \|", page, re.MULTILINE)
    documented = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert documented == list(Trade.__struct_fields__)


def test_errors_page_has_every_class():
    page = (DOCS / "reference" / "errors.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert sorted(documented) == errors.__all__


def test_formats_page_has_every_format_with_its_options():
    page = (DOCS / "how-to" / "replay-files.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w-]+)` \|.*\| (.*)\| (.*)\|$", page, re.MULTILINE)
    documented = {
        name: ({*OPTION.findall(needs)}, {*OPTION.findall(needs + takes)})
        for name, needs, takes in rows
    }
    # A table that has a column for the symbol needs no --symbol.
    assert {name: taken for name, (_, taken) in documented.items()} == {
        name: known.takes for name, known in FORMATS.items()
    }
    assert all(known.needs <= documented[name][0] for name, known in FORMATS.items())


def test_figures_of_the_readme_are_those_of_the_benchmarks():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = re.split(r"^## ", readme.partition("\n## Measured\n")[2], flags=re.M)[0]
    figures = [line for *_, text in FENCE.findall(section) for line in text.split("\n")]
    measured = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    lines = [line.rstrip() for line in measured.splitlines()]
    assert len(figures) > 5
    assert [line for line in figures if line not in lines] == []


def test_version_is_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.findall(r"^## (\d+\.\d+\.\d+)", changes, re.MULTILINE)[0]
    assert project["project"]["version"] == penstock.__version__ == newest
