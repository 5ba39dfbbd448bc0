"""The Terraform form: formatted, valid, documented, and as its own tests say."""

import re
from itertools import groupby

import pytest

from tests.infra.terraform import FORM, ROOTS, Terraform, blocks, needs_terraform

MODULES = sorted(path.parent for path in FORM.rglob("versions.tf"))
MODULE_IDS = [str(path.relative_to(FORM)) for path in MODULES]
FUNCTIONS = ("consumer", "enrichment", "producer", "sweeper")


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    return tmp_path_factory.mktemp("terraform") / "copy"


def test_there_are_the_modules_and_stages_that_are_promised():
    modules = {"foundation", "data-streaming", "producers", "consumers", "analytics"}
    assert modules | {"monitoring"} <= {path.name for path in MODULES}
    assert [root.removeprefix("stages/") for root in ROOTS] == [
        "root",
        "0-bootstrap",
        "1-foundation",
        "2-data-streaming",
        "3-producers",
        "4-consumers",
        "5-analytics",
    ]


@needs_terraform
def test_it_is_formatted(copy):
    terraform = Terraform(copy, ".")
    assert terraform.run("fmt", "-check", "-diff", "-recursive").stdout == ""


@needs_terraform
@pytest.mark.slow
@pytest.mark.parametrize("root", ROOTS)
def test_the_provider_accepts_it(copy, root):
    terraform = Terraform(copy, root)
    terraform.init("-backend=false")
    terraform("validate")


@pytest.mark.parametrize("module", MODULES, ids=MODULE_IDS)
def test_each_variable_and_output_is_described_in_a_sentence(module):
    variables, outputs = blocks(module, "variable"), blocks(module, "output")
    for block in [*variables.values(), *outputs.values()]:
        (description,) = re.findall(
            r'^  description = "(.+)"$', block.body, re.MULTILINE
        )
        assert description.endswith("."), block.name
    for block in variables.values():
        assert re.search(r"^  type +=", block.body, re.MULTILINE), block.name


@pytest.mark.parametrize("root", ROOTS)
def test_each_variable_of_a_root_is_validated(root):
    for block in blocks(FORM / root, "variable").values():
        is_switch = "type        = bool" in block.body
        assert is_switch or "error_message" in block.body, block.name


def test_a_variable_is_the_same_wherever_it_is():
    found = [
        block for root in ROOTS for block in blocks(FORM / root, "variable").values()
    ]
    found.sort(key=lambda block: block.name)
    for name, same in groupby(found, key=lambda block: block.name):
        assert len({block.body for block in same}) == 1, name


def test_what_the_stages_can_be_told_the_root_can_be_told():
    of_root = blocks(FORM / "root", "variable").keys()
    of_stages = set().union(
        *(blocks(FORM / root, "variable").keys() for root in ROOTS[1:])
    )
    # A stage that is not wanted is not applied.
    assert of_root - of_stages == {"analytics"}
    assert of_stages - of_root == {"state_bucket"}


def test_the_example_names_each_variable():
    text = (FORM / "root" / "terraform.tfvars.example").read_text()
    named = re.findall(r"^(?:# )?(\w+) +=", text, re.MULTILINE)
    assert sorted(named) == sorted(blocks(FORM / "root", "variable"))


@needs_terraform
@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_each_switch_makes_what_it_says_and_nonsense_is_refused(tmp_path):
    terraform = Terraform(tmp_path / "copy", "root")
    for name in FUNCTIONS:
        zip_file = terraform.folder / "tests" / "code" / f"{name}.zip"
        zip_file.parent.mkdir(exist_ok=True)
        zip_file.write_bytes(name.encode())
    terraform.init()
    assert ", 0 failed." in terraform("test")
