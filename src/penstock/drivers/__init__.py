"""What moves trades in from outside: files now, and whatever a feed's frames come by.

Drivers do the I/O that feeds do not: they open, wait and read, and know nothing of
what becomes of a trade.
"""
