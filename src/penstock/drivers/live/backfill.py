"""Fetches past trades from venues' REST sides, at the pace that they allow.

One request is one attempt: what fails is said, and asked for again by who wants it.
After a refusal for asking too much nothing is sent to that host until the time is up.
"""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

import httpx

from penstock.drivers.limits import Bucket, retry_after_s
from penstock.drivers.live.endpoints import Rest
from penstock.drivers.live.rest import HISTORIES, Page, Query, RefusedError
from penstock.drivers.live.track import Wanted
from penstock.errors import BadRecordError, UnavailableError

__all__ = ["Backfill"]

_LIMIT_S = 5.0  # the pause where the venue names none
_BAN_S = 120.0  # likewise, after 418: Binance's shortest ban
_LONGEST_BYTES = 4 * 1024 * 1024  # of an answer: a thousand trades take 200 KB


class Backfill:
    """Asks the venues for past trades.

    Args:
        rests: By venue, where to ask.
        client: Sends the requests; closed by whoever made it.
        clock_us: The time on the wall, in microseconds since the epoch.
        clock_s: A clock that never goes back.
        sleep: Waits for so many seconds.

    Attributes:
        requests: How many were sent.
        errors: What went wrong, and how often.
    """

    def __init__(
        self,
        rests: Mapping[str, Rest],
        client: httpx.AsyncClient,
        *,
        clock_us: Callable[[], int],
        clock_s: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._rests, self._client = rests, client
        self._clock_us, self._clock_s, self._sleep = clock_us, clock_s, sleep
        self._buckets = {
            urlsplit(rest.url).netloc: Bucket(rest.per_s, rest.burst)
            for rest in rests.values()
        }
        self.requests = 0
        self.errors: Counter[str] = Counter()

    async def pages(self, wanted: Wanted) -> AsyncIterator[Page]:
        """Yield what can be had of `wanted` for now, page by page.

        Raises:
            UnavailableError: The venue did not answer, or not now; says why.
            BadRecordError: It answered what cannot be read, or that it will not.
        """
        rest = self._rests[wanted.venue]
        history = HISTORIES[rest.kind]
        left: Wanted | None = wanted
        while left is not None:
            body = await self._get(rest, history.query(left))
            page = self._read(rest, body, left)
            yield page._replace(
                trades=[trade for trade in page.trades if _is_wanted(trade.seq, wanted)]
            )
            left = history.left(left, page.trades) if page.trades else None

    def _read(self, rest: Rest, body: bytes, wanted: Wanted) -> Page:
        try:
            page = HISTORIES[rest.kind].read(body, wanted, self._clock_us())
        except RefusedError as e:
            self.errors["refused"] += 1
            if e.is_limit:
                self._bucket(rest).pause(_LIMIT_S, self._clock_s())
            raise
        except BadRecordError:
            self.errors["unreadable"] += 1
            raise
        if page.faults:
            self.errors["unreadable trades"] += len(page.faults)
        return page

    async def _get(self, rest: Rest, query: Query) -> bytes:
        bucket = self._bucket(rest)
        await self._take_turn(rest, bucket)
        self.requests += 1
        try:
            async with self._client.stream(
                "GET", rest.url + query.path, params=dict(query.params)
            ) as response:
                if response.status_code != HTTPStatus.OK:
                    self._refused(bucket, response)
                return await self._body(response)
        except httpx.HTTPError as e:
            self.errors[type(e).__name__] += 1
            raise UnavailableError(f"{rest.url}{query.path}: {e!r}") from e

    async def _take_turn(self, rest: Rest, bucket: Bucket) -> None:
        """Wait for a turn; give it back where it will not be used."""
        self._check_pause(rest, bucket)
        wait_s = bucket.wait_s(self._clock_s())
        try:
            if wait_s:
                await self._sleep(wait_s)
            # Another request may have been refused meanwhile.
            self._check_pause(rest, bucket)
        except BaseException:
            bucket.give_back()
            raise

    def _check_pause(self, rest: Rest, bucket: Bucket) -> None:
        paused_s = bucket.paused_s(self._clock_s())
        if paused_s:
            raise UnavailableError(
                f"{rest.url} asked for a pause, of which {paused_s:.0f} s are left"
            )

    async def _body(self, response: httpx.Response) -> bytes:
        body = bytearray()
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > _LONGEST_BYTES:
                self.errors["too large"] += 1
                raise UnavailableError(f"{response.url} answers without end")
        return bytes(body)

    def _refused(self, bucket: Bucket, response: httpx.Response) -> None:
        status = response.status_code
        self.errors[f"HTTP {status}"] += 1
        if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.IM_A_TEAPOT):
            usual_s = _BAN_S if status == HTTPStatus.IM_A_TEAPOT else _LIMIT_S
            asked_s = retry_after_s(response.headers, self._clock_us())
            bucket.pause(usual_s if asked_s is None else asked_s, self._clock_s())
        raise UnavailableError(f"{response.url} answered HTTP {status}")

    def _bucket(self, rest: Rest) -> Bucket:
        return self._buckets[urlsplit(rest.url).netloc]


def _is_wanted(seq: int, wanted: Wanted) -> bool:
    return seq >= wanted.first and (wanted.last is None or seq <= wanted.last)
