"""Dead letters in the database, until somebody has looked at them."""

from collections.abc import Collection, Sequence

import msgspec

from penstock.local.database import Database
from penstock.model import DeadLetter

__all__ = ["LocalDeadLetters"]

_PUT = """
INSERT INTO dead_letters (id, key, reason, data, arrival_us, version)
VALUES (:id, :key, :reason, :data, :arrival_us, :version)
ON CONFLICT (id) DO NOTHING
"""
_LIST = """
SELECT id, key, reason, data, arrival_us, version FROM dead_letters
ORDER BY arrival_us, length(id), id
"""
_REMOVE = "DELETE FROM dead_letters WHERE id = ?"


class LocalDeadLetters:
    """`DeadLetters` in one database; one call's letters are kept or removed at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, letters: Sequence[DeadLetter]) -> None:
        """See `DeadLetters.put`.

        Survives a power failure: some letters never were in the log.
        """
        if not letters:
            return
        with self._database.writing(durable=True) as connection:
            connection.executemany(_PUT, map(msgspec.structs.asdict, letters))

    def remove(self, ids: Collection[str]) -> None:
        """See `DeadLetters.remove`."""
        with self._database.writing() as connection:
            connection.executemany(_REMOVE, ((letter_id,) for letter_id in ids))

    def list(self) -> list[DeadLetter]:
        """See `DeadLetters.list`."""
        with self._database.reading() as connection:
            return [DeadLetter(**row) for row in connection.execute(_LIST)]
