"""Synthesise several settings in one process of .venv-infra: the first takes seconds.

    python synthesise.py INFRA OUT < jobs.json

INFRA is the folder that holds facts.json and cdk-python.  Of each job
{name: {"context": ..., "region": ...}} the templates come into OUT/name, and what was
refused is written to standard output, as {name: text}.
"""

import json
import sys
from pathlib import Path

ACCOUNT = "123456789012"


def main() -> None:
    infra, out = Path(sys.argv[1]), Path(sys.argv[2])
    sys.path.insert(0, str(infra / "cdk-python"))
    # They are not in the environment that collects the tests.
    from aws_cdk import App  # noqa: PLC0415
    from penstock_cdk.app import synthesise  # noqa: PLC0415
    from penstock_cdk.settings import SettingsError  # noqa: PLC0415

    refused = {}
    for name, job in json.load(sys.stdin).items():
        app = App(outdir=str(out / name), context=job["context"])
        try:
            synthesise(app, account=ACCOUNT, region=job.get("region", "us-east-1"))
        except SettingsError as e:
            refused[name] = str(e)
    sys.stdout.write(json.dumps(refused))


if __name__ == "__main__":
    main()
