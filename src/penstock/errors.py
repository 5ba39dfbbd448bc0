"""Every exception that penstock raises on purpose; its class says its fate.

* PenstockError
    * ConfigError          the operator must change something; never retried
        * UnknownKeyError  a settings key that does not exist
        * InvalidValueError  a settings value that cannot be used
        * SourceError      an input that cannot be opened or read as asked
        * BusyError        another process owns the data directory, or the port
    * BadRecordError       no retry can help; the bytes go to the dead letters
    * StaleStateError      the stored state moved on; load it and fold again
    * UnavailableError     a store did not answer; the same call may succeed later

Handlers branch on the class and never on the text.
"""

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = [
    "BadRecordError",
    "BusyError",
    "ConfigError",
    "InvalidValueError",
    "PenstockError",
    "SourceError",
    "StaleStateError",
    "UnavailableError",
    "UnknownKeyError",
]


class PenstockError(Exception):
    """Base class: `except PenstockError` catches all of ours and nothing else."""


class ConfigError(PenstockError):
    """The settings or arguments cannot be used as they are."""


class UnknownKeyError(ConfigError):
    """A settings file holds a key that penstock does not know.

    Attributes:
        key: The offending key, as written.
        table: The TOML table that it was found in; "" for the top level.
        path: The file.
        known: The keys that the table may hold.
    """

    def __init__(self, key: str, table: str, path: str, known: Iterable[str]) -> None:
        self.key, self.table, self.path, self.known = key, table, path, sorted(known)
        super().__init__(key, table, path, self.known)

    def __str__(self) -> str:
        close = get_close_matches(self.key, self.known, n=1)
        hint = f"Did you mean {close[0]!r}? " if close else ""
        where = f"in [{self.table}]" if self.table else "at the top level"
        return (
            f"{self.path}: unknown key {self.key!r} {where}. "
            f"{hint}Known keys: {', '.join(self.known)}."
        )


class InvalidValueError(ConfigError):
    """A setting holds a value of the wrong type or outside what is possible.

    Attributes:
        key: The setting's key.
        table: The TOML table that it stands in; "" for the top level.
        path: The file.
        found: The value as found.
        expected: What may stand there, as a noun phrase, with an example.
    """

    def __init__(
        self, key: str, table: str, path: str, *, found: object, expected: str
    ) -> None:
        self.key, self.table, self.path = key, table, path
        self.found, self.expected = found, expected
        super().__init__(key, table, path, found, expected)

    def __str__(self) -> str:
        where = f"[{self.table}] {self.key}" if self.table else self.key
        return f"{self.path}: {where} must be {self.expected}; found {self.found!r}."


class SourceError(ConfigError):
    """An input cannot be opened, or not be read in the format that was asked for."""


class BusyError(ConfigError):
    """Another process works on the same data directory, or has the port."""


class BadRecordError(PenstockError):
    """Some bytes are not a trade, and no retry will make them one."""


class StaleStateError(PenstockError):
    """A ticker's stored state is not the one that a change started from."""

    def __init__(self, ticker: str, version: int) -> None:
        self.ticker, self.version = ticker, version
        super().__init__(ticker, version)

    def __str__(self) -> str:
        return (
            f"{self.ticker}: the stored state is no longer version {self.version}. "
            "Load it again and fold what it has not seen."
        )


class UnavailableError(PenstockError):
    """A store or service refused or timed out; the same call may succeed later."""
