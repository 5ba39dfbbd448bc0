"""The pure part: bars, windows, alerts, strategy and the step that folds them.

No clock, no I/O, no randomness: the same trades give the same result everywhere.
"""
