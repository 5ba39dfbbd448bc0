"""Clients of AWS's services: made once each, when they are first needed.

botocore's, not boto3's, which only adds to the time that a cold function takes to
start; and in functions, DynamoDB's is `direct`.  What they retry by themselves is what
no caller here wants to see: a connection that broke, a 5xx, a throttled call.
"""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.httpsession import URLLib3Session

from penstock.aws.direct import DirectDynamo, can_be_direct
from penstock.aws.errors import translated

if TYPE_CHECKING:
    from botocore.session import Session

__all__ = ["Clients", "at_once"]

_CONNECT_S = 3
_READ_S = 10
_THREADS = 8
ATTEMPTS = 3

# What goes there waits in an outbox, or comes again with its batch: where there is no
# answer, it is given up before the function's time is.
_SOON = {"s3", "sns"}
_SOON_READ_S = 3
_SOON_ATTEMPTS = 2

_In = TypeVar("_In")
_Out = TypeVar("_Out")


class Clients:
    """The clients for one region; safe to share between threads."""

    def __init__(self, *, region: str, endpoint: str) -> None:
        """Empty, each is what AWS's own configuration says."""
        self._region, self._endpoint = region, endpoint
        self._made: dict[tuple[str, bool], Any] = {}
        self._making = Lock()
        self._session: Session | None = None

    def __call__(self, service: str, *, once: bool = False) -> Any:  # noqa: ANN401 (botocore has no types)
        """Return the client of `service`, such as "kinesis".

        Args:
            service: botocore's name of it.
            once: Whether it tries a call once, as the caller tries again.

        Raises:
            ConfigError: No region is set.
        """
        key = (service, once)
        client = self._made.get(key)
        if client is None:
            with self._making:
                most = _SOON_ATTEMPTS if service in _SOON else ATTEMPTS
                attempts = 1 if once else min(most, ATTEMPTS)
                client = self._made.get(key) or self._make(service, attempts)
                self._made[key] = client
        return client

    def _make(self, service: str, attempts: int) -> Any:  # noqa: ANN401
        if service == "dynamodb" and can_be_direct(os.environ):
            return self._make_direct(attempts)
        # Half of a cold start: not before it is needed.
        import botocore.session  # noqa: PLC0415
        from botocore.config import Config  # noqa: PLC0415

        if self._session is None:
            self._session = botocore.session.get_session()
        with translated(f"client of {service}"):
            return self._session.create_client(
                service,
                region_name=self._region or None,
                endpoint_url=self._endpoint or None,
                config=Config(
                    connect_timeout=_CONNECT_S,
                    read_timeout=_SOON_READ_S if service in _SOON else _READ_S,
                    max_pool_connections=_THREADS,
                    retries={"mode": "standard", "total_max_attempts": attempts},
                    user_agent_extra="penstock",
                    s3={"addressing_style": "path"} if self._endpoint else {},
                ),
            )

    def _make_direct(self, attempts: int) -> DirectDynamo:
        environ = os.environ
        return DirectDynamo(
            region=self._region or environ.get("AWS_REGION", ""),
            endpoint=self._endpoint or environ.get("AWS_ENDPOINT_URL", ""),
            environ=environ,
            session=URLLib3Session(
                timeout=(_CONNECT_S, _READ_S), max_pool_connections=_THREADS
            ),
            attempts=attempts,
        )


def at_once(function: Callable[[_In], _Out], values: Iterable[_In]) -> list[_Out]:
    """Call `function` of each value, several at a time; return the answers in order.

    One value is not worth a thread.
    """
    todo = list(values)
    if len(todo) < 2:  # noqa: PLR2004
        return [function(value) for value in todo]
    with ThreadPoolExecutor(min(_THREADS, len(todo))) as pool:
        return list(pool.map(function, todo))
