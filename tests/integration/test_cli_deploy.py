"""`penstock deploy` and its like, where nothing can be deployed."""

from pathlib import Path

import pytest

from penstock.deploying.synthesis import Checkout, find_checkout, synthesise
from penstock.deploying.target import of_emulator
from penstock.errors import ConfigError
from tests.commands import penstock

COMMANDS = ["deploy", "destroy", "status", "tail", "logs consumer"]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_target_is_aws_or_the_sandbox(command, tmp_path):
    words = [*command.split(), "--target", "moon"]
    complaint = penstock(*words, data_dir=tmp_path, code=2).stderr
    assert complaint == "penstock: --target must be aws or sandbox; found 'moon'.\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_without_a_sandbox_it_says_how_to_start_one(command, tmp_path):
    words = [*command.split(), "--target", "sandbox"]
    complaint = penstock(*words, data_dir=tmp_path, code=2).stderr
    assert f"no sandbox runs on {tmp_path}. `penstock sandbox up`" in complaint


def test_without_the_cdk_it_says_how_to_install_it(tmp_path):
    found = find_checkout(Path(__file__), {})
    checkout = Checkout(root=found.root, environment=tmp_path / "none")
    target = of_emulator("http://127.0.0.1:1", "test")
    with pytest.raises(ConfigError) as refused:
        synthesise(checkout, target, tmp_path / "out", {})
    assert f"the CDK is not installed in {tmp_path}/none" in str(refused.value)
    assert f"`make .venv-infra/.ready` in {found.root}" in str(refused.value)
