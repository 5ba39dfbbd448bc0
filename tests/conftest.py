"""How hypothesis looks for examples, and what goes to which process.

`pytest -n 2` (pytest-xdist) gives each process whole files, for what a module makes
once, and all that looks at the same synthesised templates to one.
"""

from pathlib import Path

import pytest
from hypothesis import settings

_INFRA = Path(__file__).parent / "infra"
_SLOW = ("test_deployment.py", "test_terraform.py")

# On a build machine (where CI is set) hypothesis has a profile of its own: the same
# examples every time, so that a change alone decides whether it passes.  Elsewhere it
# looks for new ones, and remembers those that failed; a busy machine is no failure.
if settings.get_current_profile_name() != "ci":
    settings.register_profile("here", deadline=None, print_blob=True)
    settings.load_profile("here")


def pytest_collection_modifyitems(items):
    for item in items:
        is_of_templates = _INFRA in item.path.parents and item.path.name not in _SLOW
        group = "templates" if is_of_templates else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))
