"""The templates, synthesised once for all tests."""

from pathlib import Path

import pytest

from tests.infra.refusals import REFUSED
from tests.infra.templates import BIN, everything

_HERE = Path(__file__).parent
_NEEDED = f"{BIN.parent.name} is not there: make {BIN.parent.name}/.ready"


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.is_relative_to(_HERE):
            # A busy machine takes minutes for what an idle one does in twenty seconds.
            item.add_marker(pytest.mark.timeout(1800))
            if not BIN.exists():
                item.add_marker(pytest.mark.skip(_NEEDED))


@pytest.fixture(scope="session")
def synthesised(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synthesised")
    return everything(folder, {name: context for name, (context, _) in REFUSED.items()})


@pytest.fixture(scope="session")
def ours(synthesised):
    """What comes of infra/facts.json."""
    return synthesised.ours


@pytest.fixture(scope="session")
def theirs(synthesised):
    """What would come of other facts."""
    return synthesised.theirs
