"""Zip archives that are the same bytes again: sorted, without times, all readable."""

from collections.abc import Mapping
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

__all__ = ["write_zip"]

_BEGINNING = (1980, 1, 1, 0, 0, 0)  # of the time that a zip archive can tell
_UNIX = 3
_READABLE = (
    0o100644 << 16
)  # a file that everybody may read: Lambda runs as another user
_SMALLEST = 9


def write_zip(path: Path, contents: Mapping[str, bytes]) -> None:
    """Write files, by their names in the archive, to `path`; whole or not at all.

    Raises:
        OSError: It cannot be written.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with ZipFile(temporary, "w", ZIP_DEFLATED, compresslevel=_SMALLEST) as archive:
            for name in sorted(contents):
                info = ZipInfo(name, _BEGINNING)
                info.create_system, info.external_attr = _UNIX, _READABLE
                info.compress_type = ZIP_DEFLATED
                archive.writestr(info, contents[name], compresslevel=_SMALLEST)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
