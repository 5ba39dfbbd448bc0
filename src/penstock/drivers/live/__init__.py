"""Live feeds: websockets that reconnect, gaps that are seen, and filled or marked.

`LiveSource` is the way in: it holds any number of venues' connections, all in one
thread, and gives batches of trades until it is stopped.  Needs the packages of the
extra `live`.
"""

from penstock.drivers.live.endpoints import ENDPOINTS, Endpoint, Rest, Timing
from penstock.drivers.live.source import LiveBatch, LiveSource
from penstock.drivers.live.status import (
    ConnectionStatus,
    SourceStatus,
    TickerStatus,
)

__all__ = [
    "ENDPOINTS",
    "ConnectionStatus",
    "Endpoint",
    "LiveBatch",
    "LiveSource",
    "Rest",
    "SourceStatus",
    "TickerStatus",
    "Timing",
]
