"""Dead letters in S3: one object for those of one record of the stream.

    dead-letter/YYYY/MM/DD/HH/<shard>-<sequence number>.gz      gzipped NDJSON

A record with ten thousand bad lines costs one request, and the table `dead_letters`
reads them as they are.  An object is changed on condition that it is the one that was
read: of two who change it at once, one reads it again.
"""

import gzip
import zlib
from collections.abc import Callable, Collection, Iterable, Sequence

import msgspec

from penstock.aws.clients import at_once
from penstock.aws.objects import S3Objects
from penstock.aws.patience import attempts
from penstock.codec import encode_json
from penstock.errors import ConfigError, UnavailableError
from penstock.layout import DEAD_LETTERS, dead_letter_key
from penstock.model import DeadLetter
from penstock.ports import arrival_order

__all__ = ["S3DeadLetters"]

_decoder = msgspec.json.Decoder(DeadLetter)

_Letters = list[DeadLetter]


class S3DeadLetters:
    """`DeadLetters` in one bucket."""

    def __init__(self, objects: S3Objects) -> None:
        self._objects = objects

    def put(self, letters: Sequence[DeadLetter]) -> None:
        """See `DeadLetters.put`.

        Raises:
            ConfigError: There is no such bucket, no leave to write to it, or an object
                of a letter's name that holds something else.
        """
        groups: dict[str, list[DeadLetter]] = {}
        for letter in letters:
            groups.setdefault(dead_letter_key(letter), []).append(letter)
        at_once(self._put_group, groups.items())

    def _put_group(self, group: tuple[str, list[DeadLetter]]) -> None:
        key, letters = group
        if self._objects.put_new(key, _encode(letters)):
            return

        # Of a redelivery, or of another ticker in the same aggregated record.
        def add(kept: _Letters) -> _Letters:
            known = {letter.id for letter in kept}
            return [*kept, *(letter for letter in letters if letter.id not in known)]

        if not self._change(key, add):
            raise ConfigError(
                f"{key} holds no dead letters of penstock's, but has the name of some:"
                " move it away."
            )

    def _change(self, key: str, change: Callable[[_Letters], _Letters]) -> bool:
        # Returns False where the object is not ours.
        for _ in attempts():
            data, tag = self._objects.get_tagged(key)
            kept = _decode(data)
            if kept is None:
                return False
            wanted = change(kept)
            if len(wanted) == len(kept) or self._store(key, wanted, tag):
                return True
        raise UnavailableError(f"{key}: it changed under every attempt to change it")

    def _store(self, key: str, letters: _Letters, tag: str) -> bool:
        if not letters:
            return self._objects.remove(key, tag)
        if not tag:
            return self._objects.put_new(key, _encode(letters))
        return self._objects.replace(key, _encode(letters), tag)

    def list(self) -> list[DeadLetter]:
        """See `DeadLetters.list`; passes over objects that hold something else.

        Raises:
            ConfigError: There is no such bucket, or no leave to read it.
        """
        keys = [*self._objects.keys(DEAD_LETTERS)]
        objects = at_once(self._objects.get, keys)
        letters = [letter for data in objects for letter in _decode(data) or ()]
        return sorted(letters, key=arrival_order)

    def remove(self, ids: Collection[str]) -> None:
        """See `DeadLetters.remove`; looks at every letter that waits.

        Raises:
            ConfigError: There is no such bucket, or no leave to write to it.
        """
        if not ids:
            return

        def leave(kept: _Letters) -> _Letters:
            return [letter for letter in kept if letter.id not in ids]

        for key in [*self._objects.keys(DEAD_LETTERS)]:
            self._change(key, leave)


def _decode(data: bytes | None) -> _Letters | None:
    """Read an object; one that is not there holds no letters, a foreign one is None."""
    if data is None:
        return []
    try:
        return [_decoder.decode(line) for line in gzip.decompress(data).splitlines()]
    except (OSError, EOFError, zlib.error, msgspec.DecodeError):
        return None


def _encode(letters: Iterable[DeadLetter]) -> bytes:
    lines = b"".join(encode_json(letter) + b"\n" for letter in letters)
    return gzip.compress(lines, mtime=0)
