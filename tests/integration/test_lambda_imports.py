"""What a function imports before its first event: each module is a part of the wait."""

import json
import subprocess
import sys

import pytest

# Of other entrypoints, of the embedded pipeline, and what comes with the first call.
FOREIGN = {
    *("typer", "rich", "duckdb", "sqlite3", "starlette", "uvicorn", "zstandard"),
    *("boto3", "botocore", "websockets", "ccxt", "penstock.local", "penstock.memory"),
    *(
        "tomllib",
        "penstock.entrypoints.cli",
        "penstock.drivers.live",
        "penstock.sandbox",
    ),
}
FUNCTIONS = {
    "lambda_consumer": FOREIGN | {"httpx", "asyncio", "penstock.drivers"},
    # httpx, with which it asks, takes these two where they are; in a zip they are not.
    "lambda_producer": FOREIGN - {"rich", "zstandard"},
    "lambda_enrichment": FOREIGN | {"httpx", "asyncio", "penstock.drivers"},
    "lambda_sweeper": FOREIGN | {"httpx", "asyncio", "penstock.drivers"},
}


@pytest.mark.parametrize(("function", "foreign"), FUNCTIONS.items())
def test_a_function_imports_nothing_that_it_does_not_need(function, foreign):
    code = (
        f"import penstock.entrypoints.{function}, json, sys;"
        "print(json.dumps(list(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, timeout=60
    )
    assert foreign & set(json.loads(done.stdout)) == set()
