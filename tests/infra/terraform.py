"""Terraform, with the provider that lies on this machine, in a copy of infra/."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

__all__ = ["FORM", "ROOTS", "Block", "Terraform", "blocks", "needs_terraform"]

INFRA = Path(__file__).parents[2] / "infra"
FORM = INFRA / "terraform"
ROOTS = ["root", *(f"stages/{path.name}" for path in sorted(FORM.glob("stages/*")))]

_PLUGINS = "PENSTOCK_TF_PLUGINS"

# On a build machine (where CI is set) they run, and fail if something is missing.
needs_terraform = pytest.mark.skipif(
    "CI" not in os.environ
    and (shutil.which("terraform") is None or _PLUGINS not in os.environ),
    reason=f"needs terraform, and {_PLUGINS}: the folder that holds"
    " registry.terraform.io/hashicorp/aws",
)

_BLOCK = re.compile(
    r'^(variable|output) "(\w+)" \{\n(.*?)^\}$', re.MULTILINE | re.DOTALL
)


class Block(NamedTuple):
    """A block of the outermost level, as `terraform fmt` writes it."""

    kind: str
    name: str
    body: str


class Terraform:
    """Runs `terraform` in one root of a copy, where it may leave what it likes.

    Attributes:
        folder: The root's copy.
    """

    def __init__(self, copy, root, variables=None):
        """`copy` is made unless it is there; `variables` are the environment's."""
        if not copy.exists():
            ignored = shutil.ignore_patterns("cdk*", ".terraform*", "*.tfstate*")
            shutil.copytree(INFRA, copy / "infra", ignore=ignored)
        self.folder = copy / "infra" / "terraform" / root
        self._variables = variables or {}

    def init(self, *options):
        self("init", f"-plugin-dir={os.environ[_PLUGINS]}", *options)

    def __call__(self, *command):
        """Return what a command prints; fail with all of it if the command does."""
        done = self.run(*command)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def run(self, *command):
        return subprocess.run(
            ["terraform", *command],
            cwd=self.folder,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder),
                "TF_CLI_CONFIG_FILE": os.devnull,
                "TF_CLI_ARGS": "-no-color",
                "TF_IN_AUTOMATION": "1",
                "TF_INPUT": "0",
                "CHECKPOINT_DISABLE": "1",
                **self._variables,
            },
            capture_output=True,
            text=True,
            check=False,
        )


def blocks(folder, kind):
    """Return the variables or outputs of a module, by name."""
    text = "\n".join(path.read_text() for path in sorted(folder.glob("*.tf")))
    found = [Block(*match) for match in _BLOCK.findall(text)]
    return {block.name: block for block in found if block.kind == kind}
