"""What the operator says about a file that the file itself does not."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from penstock.drivers.files.fields import check_names
from penstock.errors import BadRecordError, SourceError

__all__ = ["Options"]


class Options(NamedTuple):
    """What may be said; each format says what it takes.

    Attributes:
        symbol: BASE-QUOTE, of all trades.
        venue: Of all trades.
        columns: Field to the name of its column, or to its number, from 1, where the
            table has no header.
    """

    symbol: str | None = None
    venue: str | None = None
    columns: Mapping[str, str] = {}

    def check(self, format_name: str, takes: Collection[str]) -> None:
        """Check that the options are written rightly and that the format takes them.

        Raises:
            SourceError: One is not.
        """
        for name, value in self._asdict().items():
            if value and name not in takes:
                raise SourceError(
                    f"format {format_name!r} says the {name} itself: leave out --{name}"
                )
        try:
            check_names(self.venue or "any", self.symbol or "ANY-ANY")
        except BadRecordError as e:
            raise SourceError(f"--venue or --symbol: {e}") from e
