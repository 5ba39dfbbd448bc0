"""MiniStack as a process of its own, which answers on the loopback address alone.

    emulator = start(python, folder)
    ...                                   # clients get emulator.variables
    stop(folder)

All that it writes is in `folder`, and one emulator at a time has it.  It gets an
environment made from nothing, without credentials, proxies or settings of the user.
"""

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from typing import IO
from urllib.request import ProxyHandler, build_opener

import msgspec
from msgspec import Struct

from penstock.errors import BusyError, UnavailableError
from penstock.sandbox.process import end, is_held, launch, log_end, take_hold

__all__ = [
    "ACCOUNT",
    "REGION",
    "Emulator",
    "client_variables",
    "ended_badly",
    "find",
    "start",
    "stop",
]

ACCOUNT = "000000000000"
"""The account that everything belongs to, unless a client's key names another."""

REGION = "us-east-1"

_HOST = "127.0.0.1"
_LOCK, _ABOUT, _LOG = "lock", "emulator.json", "emulator.log"
_LAUNCH = Path(__file__).parent / "launch.py"
# It takes 0.3 s to start, and some seconds on a machine that is busy or has much to
# read back; stopping, it writes all it holds.
_START_S = 60
_STOP_S = 30
_LOOK_S = 0.02


class Emulator(Struct, frozen=True, kw_only=True):
    """An emulator that runs.

    Attributes:
        pid: Its process.
        port: Where it listens.
        folder: Where it keeps everything.
    """

    pid: int
    port: int
    folder: Path

    @property
    def endpoint(self) -> str:
        """Its URL, for every service."""
        return f"http://{_HOST}:{self.port}"


def client_variables(endpoint: str, *, key: str = ACCOUNT) -> dict[str, str]:
    """Return the environment variables with which AWS's tools use an emulator.

    Args:
        endpoint: The emulator's.
        key: 12 digits are the root user of that account, which is apart from others.
    """
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def start(
    python: Path,
    folder: Path,
    *,
    port: int = 0,
    keeps: bool = False,
    is_tied: bool = False,
    settings: Mapping[str, str] | None = None,
) -> Emulator:
    """Start an emulator, and return once it answers.

    Args:
        python: The interpreter that has it (`environment.python_of`).
        folder: Where it keeps everything; made if needed.
        port: Where it is to listen; 0 takes a free one.
        keeps: What it holds survives `stop`.
        is_tied: It ends when this process does, however that comes about.
        settings: More environment variables of MiniStack's, such as AUTH.

    Raises:
        BusyError: One runs on `folder`, or something else has the port.
        ConfigError: `folder` cannot be written to.
        UnavailableError: It ended at once, or does not answer.
    """
    folder = folder.absolute()
    with _hold(folder) as lock:
        # Or, until it says so anew, another's process id would stand for it.
        (folder / _ABOUT).unlink(missing_ok=True)
        port = port or _free_port()
        _need_free(port)
        rmtree(folder / "tmp", ignore_errors=True)
        for name in ("tmp", "home", "state"):
            (folder / name).mkdir(exist_ok=True)
        variables = _variables(folder, port, keeps=keeps) | dict(settings or {})
        process = launch(
            [python.absolute(), _LAUNCH, *(["tied"] if is_tied else [])],
            folder=folder,
            log=folder / _LOG,
            variables=variables,
            is_tied=is_tied,
            inherits=[lock.fileno()],
        )
    emulator = Emulator(pid=process.pid, port=port, folder=folder)
    (folder / _ABOUT).write_bytes(
        msgspec.json.encode({"pid": process.pid, "port": port})
    )
    try:
        _wait_for_answer(emulator)
    except BaseException:
        stop(folder, patience_s=1)
        raise
    return emulator


def find(folder: Path) -> Emulator | None:
    """Return the emulator that runs on `folder`, if one does."""
    return _about(folder) if is_held(folder / _LOCK) else None


def ended_badly(folder: Path) -> bool:
    """Tell whether the last emulator on `folder` ended without `stop`.

    What has come since it was started, but for objects in S3, is lost.
    """
    return not is_held(folder / _LOCK) and (folder / _ABOUT).exists()


def stop(folder: Path, *, patience_s: float = _STOP_S) -> bool:
    """Stop the emulator that runs on `folder`, and return whether it ended by itself.

    It is killed where it has not ended after `patience_s`.  Where none runs, nothing
    happens, and the answer is True.
    """
    folder = folder.absolute()
    emulator = find(folder)
    by_itself = not emulator or end(emulator.pid, folder / _LOCK, patience_s=patience_s)
    (folder / _ABOUT).unlink(missing_ok=True)
    return by_itself


def _hold(folder: Path) -> IO[bytes]:
    try:
        return take_hold(folder / _LOCK)
    except BusyError as e:
        about = _about(folder)
        who = f" at {about.endpoint} (process {about.pid})" if about else ""
        raise BusyError(f"an emulator runs already{who} on {folder}.") from e


def _about(folder: Path) -> Emulator | None:
    try:
        found = msgspec.json.decode((folder / _ABOUT).read_bytes(), type=dict[str, int])
        return Emulator(pid=found["pid"], port=found["port"], folder=folder)
    except (FileNotFoundError, msgspec.DecodeError, KeyError):
        return None


def _free_port() -> int:
    with socket.create_server((_HOST, 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _need_free(port: int) -> None:
    try:
        socket.create_server((_HOST, port)).close()
    except OSError as e:
        raise BusyError(
            f"port {port} is in use by another program. Choose another one, or 0 for "
            "any that is free."
        ) from e


def _variables(folder: Path, port: int, *, keeps: bool) -> dict[str, str]:
    """Return the whole environment of the emulator; functions in it inherit that."""
    kept = "1" if keeps else "0"
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "HOME": str(folder / "home"),  # no credentials of the user's in ~/.aws
        "TMPDIR": str(folder / "tmp"),
        "PYTHONNOUSERSITE": "1",
        "GATEWAY_PORT": str(port),
        "BIND_HOST": _HOST,  # it would listen on every interface,
        "MINISTACK_HOST": _HOST,
        "SFTP_ENABLED": "0",  # on port 2222
        "IOT_MTLS_ENABLED": "0",  # and on 8883
        "MINISTACK_REGION": REGION,
        "STATE_DIR": str(folder / "state"),
        "S3_DATA_DIR": str(folder / "state" / "s3"),
        "PERSIST_STATE": kept,
        "S3_PERSIST": kept,
    }


def _wait_for_answer(emulator: Emulator) -> None:
    opener = build_opener(ProxyHandler({}))  # a proxy would be asked for 127.0.0.1
    log = emulator.folder / _LOG
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if not is_held(emulator.folder / _LOCK):
            raise UnavailableError(f"the emulator ended at once:\n{log_end(log)}")
        with suppress(OSError):
            opener.open(f"{emulator.endpoint}/_ministack/health", timeout=5).close()
            return
        time.sleep(_LOOK_S)
    raise UnavailableError(
        f"the emulator does not answer after {_START_S} s:\n{log_end(log)}"
    )
