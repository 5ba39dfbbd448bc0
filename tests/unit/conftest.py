"""Unit tests open no sockets."""

import pytest


@pytest.fixture(autouse=True)
def no_sockets(socket_disabled):
    """Make a test that opens a socket fail; a local one would be slow as well."""
