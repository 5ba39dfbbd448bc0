"""An event loop that can stop while a name is being looked up.

The standard one looks names up in threads that it waits for when it closes, and so
does the interpreter when it ends; nothing limits how long that may take.
"""

import asyncio
import socket
import threading
from contextlib import suppress
from typing import Any

__all__ = ["Loop"]


class Loop(asyncio.SelectorEventLoop):
    """Looks names up in threads that it leaves behind."""

    async def getaddrinfo(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401
        """See `socket.getaddrinfo`."""  # whose arguments and result these are
        found: asyncio.Future[Any] = self.create_future()

        def settle(result: Any, error: Exception | None) -> None:  # noqa: ANN401
            if found.done():  # nobody waits any more
                return
            if error is None:
                found.set_result(result)
            else:
                found.set_exception(error)

        def look_up() -> None:
            result, error = None, None
            try:
                result = socket.getaddrinfo(*args, **options)
            except Exception as e:  # raised again in who asked
                error = e
            with suppress(RuntimeError):  # the loop is closed
                self.call_soon_threadsafe(settle, result, error)

        threading.Thread(target=look_up, name="look up", daemon=True).start()
        return await found
