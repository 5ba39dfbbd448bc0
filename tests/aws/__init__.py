"""Tests against the emulator of AWS."""

import pytest

pytest.register_assert_rewrite("tests.aws.told", "tests.aws.pipeline")
