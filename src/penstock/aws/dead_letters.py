"""Dead letters in S3: one object for those of one record of the stream.

    dead-letter/YYYY/MM/DD/HH/<shard>-<sequence number>.gz      gzipped NDJSON

A record with ten thousand bad lines costs one request, and the table `dead_letters`
reads them as they are.
"""

import gzip
from collections.abc import Collection, Iterable, Sequence

import msgspec

from penstock.aws.clients import at_once
from penstock.aws.objects import S3Objects
from penstock.codec import encode_json
from penstock.layout import DEAD_LETTERS, dead_letter_key
from penstock.model import DeadLetter
from penstock.ports import arrival_order

__all__ = ["S3DeadLetters"]

_decoder = msgspec.json.Decoder(DeadLetter)


class S3DeadLetters:
    """`DeadLetters` in one bucket."""

    def __init__(self, objects: S3Objects) -> None:
        self._objects = objects

    def put(self, letters: Sequence[DeadLetter]) -> None:
        """See `DeadLetters.put`.

        Raises:
            ConfigError: There is no such bucket, or no leave to write to it.
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
        kept = self._read(key)
        known = {letter.id for letter in kept}
        new = [letter for letter in letters if letter.id not in known]
        if new:
            self._objects.put(key, _encode([*kept, *new]))

    def _read(self, key: str) -> list[DeadLetter]:
        data = self._objects.get(key)
        if data is None:  # removed meanwhile
            return []
        return [_decoder.decode(line) for line in gzip.decompress(data).splitlines()]

    def list(self) -> list[DeadLetter]:
        """See `DeadLetters.list`.

        Raises:
            ConfigError: There is no such bucket, or no leave to read it.
        """
        keys = [*self._objects.keys(DEAD_LETTERS)]
        letters = [x for group in at_once(self._read, keys) for x in group]
        return sorted(letters, key=arrival_order)

    def remove(self, ids: Collection[str]) -> None:
        """See `DeadLetters.remove`; looks at every letter that waits.

        Raises:
            ConfigError: There is no such bucket, or no leave to write to it.
        """
        if not ids:
            return
        for key in [*self._objects.keys(DEAD_LETTERS)]:
            kept = self._read(key)
            left = [letter for letter in kept if letter.id not in ids]
            if not left:
                self._objects.remove(key)
            elif len(left) < len(kept):
                self._objects.put(key, _encode(left))


def _encode(letters: Iterable[DeadLetter]) -> bytes:
    lines = b"".join(encode_json(letter) + b"\n" for letter in letters)
    return gzip.compress(lines, mtime=0)
