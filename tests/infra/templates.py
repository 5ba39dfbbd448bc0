"""The templates of several settings, each synthesised once."""

import json
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
BIN = ROOT / ".venv-infra" / "bin"
TYPESCRIPT = INFRA / "cdk-typescript"
PACKAGES = TYPESCRIPT / "node_modules"
FACTS: dict[str, Any] = json.loads((INFRA / "facts.json").read_text())

STREAM_ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/theirs"
KEY_ARN = "arn:aws:kms:us-east-1:123456789012:key/0a1b2c3d"
EVERYTHING = {
    "enrichment": "true",
    "network": "firewalled",
    "audit": "true",
    "historyIndex": "true",
    "reserveConcurrency": "true",
    "provisionedConcurrency": "5",
    "email": "them@example.com",
}
CONTAINER = {"producer": "ecs", "producerImage": "123.dkr.ecr/penstock:1"}
# By name: the context, beside the folder of the zips.
GOOD: dict[str, dict[str, str]] = {
    "default": {},
    "everything": EVERYTHING,
    "paris": EVERYTHING,
    "prod": {"environment": "prod"},
    "prod-firewalled": {"environment": "prod", "network": "firewalled"},
    "sizes": {
        "environment": "staging",
        "streamShardCount": "7",
        "lambdaMemorySize": "768",
        "lambdaTimeout": "75",
        "lambdaArchitecture": "x86_64",
        "lambdaPython": "3.12",
        "priceThreshold": "1234.5",
    },
    "container": CONTAINER,
    "container-vpc": CONTAINER | {"network": "vpc"},
    "vpc": {"network": "vpc"},
    "events": {"enrichment": "true"},
    "sandbox": {"enrichment": "true", "profile": "sandbox"},
    "theirs": {"streamArn": STREAM_ARN, "streamKeyArn": KEY_ARN, "producer": "none"},
    "on-demand": {"streamMode": "on-demand", "analytics": "false"},
}
REGIONS = {"paris": "eu-west-3"}
# Which of them are synthesised from other facts as well.
CHANGED = ("everything", "container")
# What deployment looks up.
_ZONES = {
    f"availability-zones:account=123456789012:region={region}": [
        f"{region}a",
        f"{region}b",
    ]
    for region in ("us-east-1", "eu-west-3")
}

# Numbers of which only some can be deployed, and others of them.
_ONE_OF = {
    "alarms.period_s": 420,
    "functions.log_retention_days": 365,
    "network.flow_log_days": 180,
    "producer.queue_retention_days": 13,
    "producer.task_cpu": 2048,
    "producer.task_memory_mb": 5120,
}

# A busy machine takes minutes for what an idle one does in twenty seconds.
_PATIENCE_S = 900

_HASH = re.compile(r"[0-9A-F]{8}$")
_VERSION = re.compile(r"CurrentVersion[0-9A-Fa-f]{32,}")

Template = dict[str, Any]


@dataclass(frozen=True)
class Synthesised:
    """What came of the jobs.

    Attributes:
        folder: Holds a folder of each job.
        refused: What was said, by job.
    """

    folder: Path
    refused: dict[str, str]

    def stacks(self, job: str) -> dict[str, Template]:
        """Return the templates of `job` by their stacks' names."""
        return {
            file.name.removesuffix(".template.json"): json.loads(
                _VERSION.sub("CurrentVersion", file.read_text())
            )
            for file in sorted((self.folder / job).glob("*.template.json"))
        }

    def stack(self, job: str, name: str) -> "Stack":
        """Return the stack `name`, without its environment, of `job`."""
        (template,) = (
            t for n, t in self.stacks(job).items() if n.rpartition("-")[0] == name
        )
        return Stack(template)

    def report(self, job: str) -> list[dict[str, Any]]:
        """Return what cdk-nag's rules found in `job`."""
        text = (self.folder / job / "validation-report.json").read_text()
        return list(json.loads(text)["pluginReports"])


class Stack:
    """A template, and where to find what in it."""

    def __init__(self, template: Template) -> None:
        self.template = template
        self.resources: dict[str, Template] = {
            plain(name): resource for name, resource in template["Resources"].items()
        }

    def all(self, type_: str) -> dict[str, Template]:
        """Return the properties of all resources of `type_`, by logical id."""
        return {
            name: r.get("Properties", {})
            for name, r in self.resources.items()
            if r["Type"] == f"AWS::{type_}"
        }

    def one(self, type_: str, name: str = "") -> Template:
        """Return the properties of the one resource of `type_`, or the one `name`."""
        found = self.all(type_)
        if name:
            return found[name]
        (only,) = found.values()
        return only


def plain(logical_id: str) -> str:
    """Return a logical id without the hash at its end."""
    return _HASH.sub("", logical_id)


def walk(value: object, path: str = "") -> Iterator[tuple[str, Any]]:
    """Give each scalar in `value` with the way to it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from walk(inner, f"{path}.{plain(str(key))}" if path else plain(key))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from walk(inner, f"{path}.{i}")
    else:
        yield path, value


def text_of(value: object) -> str:
    """Write a value that is put together at deployment as one line."""
    match value:
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(text_of(part) for part in parts)
        case {"Ref": name}:
            return f"<{plain(name)}>"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{plain(name)}.{attribute}>"
        case {"Fn::ImportValue": export}:
            return f"<{_imported(str(export))}>"
        case {"Fn::Sub": text}:
            return str(text)
    return str(value)


def _imported(export: str) -> str:
    # Stack-env:ExportsOutputFnGetAttNameHASHArnHASH, or ...RefNameHASH.
    name = export.partition(":ExportsOutput")[2]
    return re.sub(r"[0-9A-F]{8}", "", re.sub("^(FnGetAtt|Ref)", "", name))


def others(facts: dict[str, Any]) -> dict[str, Any]:
    """Return `facts` with every number another, and again all numbers distinct."""
    taken = set(_ONE_OF.values())

    def another(path: str, number: int) -> int:
        if path in _ONE_OF:
            return _ONE_OF[path]
        found = next(n for n in count(number + 1) if n not in taken)
        taken.add(found)
        return found

    def changed(value: object, path: str) -> object:
        if isinstance(value, dict):
            return {k: changed(v, f"{path}.{k}") for k, v in value.items()}
        if isinstance(value, int):
            return another(path.removeprefix("."), value)
        return value

    return {key: changed(value, key) for key, value in facts.items()}


def stubs(folder: Path) -> Path:
    """Put zips into `folder` that stand for the functions'."""
    folder.mkdir()
    for name in ("producer", "consumer", "enrichment", "sweeper"):
        with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
            archive.writestr(zipfile.ZipInfo(f"data_{name}_lambda.py"), "")
    return folder


def by_python(infra: Path, out: Path, jobs: dict[str, Any]) -> Synthesised:
    """Synthesise `jobs` by CDK Python in one process, from the facts in `infra`."""
    driver = Path(__file__).with_name("synthesise.py")
    return _synthesise([BIN / "python", driver, infra, out], out, jobs)


def by_typescript(infra: Path, out: Path, jobs: dict[str, Any]) -> Synthesised:
    """Synthesise `jobs` by CDK TypeScript in one process, from the facts in `infra`."""
    driver = infra / TYPESCRIPT.name / "test" / "synth.ts"
    return _synthesise([BIN / "node", driver, out], out, jobs)


def _synthesise(command: list[Path], out: Path, jobs: dict[str, Any]) -> Synthesised:
    done = subprocess.run(
        command,
        input=json.dumps(jobs),
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=_PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return Synthesised(out, json.loads(done.stdout.splitlines()[-1]))


def environment() -> dict[str, str]:
    """Return the variables that find Node.js, and keep its warnings to itself."""
    return os.environ | {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",
    }


@dataclass(frozen=True)
class Forms:
    """What came of each form of the infrastructure, from our facts and from `others`.

    Attributes:
        ours, theirs: By CDK Python.
        typescript: The same by CDK TypeScript; empty where its packages are not there.
    """

    ours: Synthesised
    theirs: Synthesised
    typescript: list[Synthesised]


def everything(folder: Path, bad: dict[str, Any]) -> Forms:
    """Synthesise everything that tests look at, each form in as few processes."""
    always = {"codeDir": str(stubs(folder / "zips")), **_ZONES}
    jobs = {
        name: {
            "context": always | context,
            "region": REGIONS.get(name, "us-east-1"),
        }
        for name, context in {**GOOD, **bad}.items()
    }
    few = {name: jobs[name] for name in CHANGED}
    other = _other_infra(folder / "infra")
    with ThreadPoolExecutor(2) as pool:
        ours = pool.submit(by_python, INFRA, folder / "ours", jobs)
        theirs = pool.submit(by_python, other, folder / "others", few)
        typescript = [
            pool.submit(by_typescript, infra, folder / name, work)
            for name, infra, work in (("ts", INFRA, jobs), ("ts-others", other, few))
            if PACKAGES.is_dir()
        ]
        return Forms(
            ours.result(), theirs.result(), [done.result() for done in typescript]
        )


def _other_infra(folder: Path) -> Path:
    left = shutil.ignore_patterns("__pycache__", PACKAGES.name, "cdk.out")
    shutil.copytree(INFRA, folder, ignore=left)
    (folder / TYPESCRIPT.name / PACKAGES.name).symlink_to(PACKAGES)
    (folder / "facts.json").write_text(json.dumps(others(FACTS)))
    return folder
