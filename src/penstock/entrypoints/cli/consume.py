"""`penstock consume`: what is on a Kinesis stream, through the pipeline.

Says what it does in lines of JSON on standard output.
"""

from pathlib import Path
from time import monotonic

import typer
from msgspec import to_builtins

from penstock.bootstrap import aws_checkpoints, aws_ports, aws_stream, clock_us
from penstock.entrypoints.cli.choice import Duration
from penstock.entrypoints.cli.journal import HealthFile, log, touch
from penstock.entrypoints.cli.options import ConfigFile, examples, read_aws_settings
from penstock.entrypoints.cli.stopping import Stopper
from penstock.entrypoints.cli.tally import Tally
from penstock.entrypoints.consuming import Consuming
from penstock.entrypoints.processor import Processor
from penstock.errors import PenstockError
from penstock.pipeline import BatchResult

__all__ = ["commands"]

# Kinesis gives a reader 2 MB a second of a shard, in which many small records fit.
_BATCH_RECORDS = 1000
_REPORT_S = 60.0

commands = typer.Typer(rich_markup_mode=None)


@commands.callback()
def _group() -> None:
    """Keep the command's name, although it is the only one."""


@commands.command(
    epilog=examples("consume", "consume --config penstock.toml --health-file healthy")
)
def consume(
    *,
    duration: Duration = None,
    health_file: HealthFile = None,
    config: ConfigFile = None,
) -> None:
    """Process the trades of a Kinesis stream.

    Which, and where the results go, [aws] says, or the environment variables of the
    functions on AWS Lambda.  Does what the consumer there does, for who would rather
    run a container.
    It goes on from its checkpoints, also when the stream's shards are divided or
    joined.  A store that does not answer is asked again, until it does; the health
    file is not touched meanwhile.  Each line that it prints is a JSON object: started,
    counts every minute, warnings, stopped.  Ctrl-C or SIGTERM stops it, after the
    batch in hand.
    """
    settings = read_aws_settings(config, None)
    progress = _Progress(health_file)
    try:
        processor = Processor(
            aws_stream(settings),
            aws_checkpoints(settings),
            aws_ports(settings),
            settings.rules,
            progress.add,
            batch_records=_BATCH_RECORDS,
        )
        consuming = Consuming(
            processor,
            pulse=progress.beat,
            notice=lambda text: log("warning", "unavailable", message=text),
        )
        log("info", "started", stream=settings.aws.named().stream)
        after_s = None if duration is None else duration / 1e6
        with Stopper().calls(consuming.stop, after_s=after_s):
            consuming.run()
        log("info", "stopped", **progress.counts())
    except PenstockError as e:
        log("error", "failed", message=str(e))
        raise


class _Progress:
    """What was done so far, and the health file."""

    def __init__(self, health_file: Path | None) -> None:
        self._health_file = health_file
        self._tally = Tally()
        self._began_s = self._told_s = monotonic()

    def add(self, result: BatchResult) -> None:
        """Take in what a batch did."""
        self._tally.add(result, now_us=clock_us())

    def beat(self) -> None:
        """Say that it goes on, and every minute how far it is."""
        if self._health_file:
            touch(self._health_file)
        if monotonic() - self._told_s > _REPORT_S:
            self._told_s = monotonic()
            log("info", "counts", **self.counts())

    def counts(self) -> dict[str, object]:
        """Return what `run` prints in the end."""
        report = self._tally.report(
            monotonic() - self._began_s, duplicates=0, dead_letters=0
        )
        found: dict[str, object] = to_builtins(report)
        return found
