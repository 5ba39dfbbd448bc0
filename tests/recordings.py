"""Recorded market data, which is no part of the project: beside it, or nowhere."""

from pathlib import Path

import pytest

__all__ = ["RECORDINGS", "needs_recordings"]

RECORDINGS = Path(__file__).parents[2] / "shared" / "recordings"

needs_recordings = pytest.mark.skipif(
    not RECORDINGS.is_dir(), reason="the recordings are not at ../shared/recordings"
)
