"""Penstock: a real-time market-data pipeline, on one machine or on AWS."""

__all__ = ["__version__"]

__version__ = "0.1.0"
