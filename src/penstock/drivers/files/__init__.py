"""Files of trades, of any known format, plain or packed: batches of trades out.

`open_file` is the way in.  Nothing here reads a clock: what a file does not say about
when its trades were received is taken to be when they were made, so that a file read
again is the same again.
"""

from penstock.drivers.files.batch import BadItem, Batch
from penstock.drivers.files.formats import FORMATS, Format
from penstock.drivers.files.source import FileSource, open_file

__all__ = ["FORMATS", "BadItem", "Batch", "FileSource", "Format", "open_file"]
