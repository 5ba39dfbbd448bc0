"""What stands in for AWS on one machine, for tests and for a first try.

It uses public APIs alone, and nothing of the pipeline knows of it.
"""
