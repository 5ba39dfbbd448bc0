"""What goes into a function's zip, and that the zip is the same bytes again."""

import os
import zipfile

import pytest

from penstock.packaging.archive import write_zip
from penstock.packaging.modules import find_modules

SOURCES = {
    "__init__": "",
    "main": "import json\nfrom shop.parts import wheel\nfrom shop import tools as t\n",
    "parts/__init__": "import shop.base",
    "parts/wheel": "def roll():\n    from shop.late import now\n    return now",
    "parts/unused": "",
    "base": "from shop.tools import hammer",
    "tools": "hammer = 1\nimport httpx, numpy",
    "late": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import shop.types\n"
        "else:\n    import shop.fallback\nimport shop.home.desk"
    ),
    "types": "",
    "fallback": "from .relative import x",
    "home/__init__": "",
    "home/desk": "",
}
INSTALLED = {
    "httpx": "Requires-Dist: Some-Thing>=1; python_version < '9'\n"
    "Requires-Dist: rich<14; extra == 'cli'\n",
    "some_thing": "Requires-Dist: httpx\nRequires-Dist: absent\n",
    "rich": "",
}


@pytest.fixture
def shop(tmp_path):
    for name, source in SOURCES.items():
        path = tmp_path / "shop" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(source)
    for name, requires in INSTALLED.items():
        info = tmp_path / "installed" / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Name: {name}\n{requires}")
    return tmp_path


def found(shop, module="shop.main", without=("shop.home",)):
    return find_modules(module, shop / "shop", shop / "installed", without=without)


def test_what_is_imported_is_found_late_or_through_others(shop):
    assert set(found(shop).modules) == {
        *("shop", "shop.main", "shop.parts", "shop.parts.wheel", "shop.base"),
        *("shop.tools", "shop.late", "shop.fallback"),
    }


def test_a_modules_file_is_given_and_what_is_left_out_can_be_let_in(shop):
    modules = found(shop, without=()).modules
    assert modules["shop.parts"] == shop / "shop" / "parts" / "__init__.py"
    assert {"shop.home", "shop.home.desk"} <= set(modules)


def test_others_packages_bring_what_they_require_and_no_extras(shop):
    assert found(shop).packages == {"httpx", "some_thing"}
    assert found(shop, module="shop.late").packages == set()


def test_a_module_that_does_not_exist_is_an_error(shop):
    with pytest.raises(ModuleNotFoundError, match=r"shop\.other"):
        found(shop, module="shop.other")


def test_a_zip_is_the_same_whenever_and_in_whatever_order_it_is_made(tmp_path):
    contents = {"b.py": b"b" * 1000, "a/__init__.py": b"", "a/c.so": b"\x7fELF"}
    one, two = tmp_path / "one.zip", tmp_path / "two.zip"
    write_zip(one, contents)
    os.utime(tmp_path, (0, 0))
    write_zip(two, dict(reversed(contents.items())))
    assert one.read_bytes() == two.read_bytes()
    with zipfile.ZipFile(one) as archive:
        infos = archive.infolist()
        assert {i.filename: archive.read(i) for i in infos} == contents
    assert [i.filename for i in infos] == sorted(contents)
    assert {(i.date_time, i.external_attr >> 16) for i in infos} == {
        ((1980, 1, 1, 0, 0, 0), 0o100644)
    }


def test_a_zip_that_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "x.zip").mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        write_zip(tmp_path / "x.zip", {"a": b""})
    assert [path.name for path in tmp_path.iterdir()] == ["x.zip"]
