from penstock.entrypoints.consuming import Consuming, Time
from penstock.errors import UnavailableError


class Script:
    """A processor that does what is written, and a time that passes as it says."""

    def __init__(self, *passes, sweeps=()):
        self.passes, self.sweeps = list(passes), list(sweeps)
        self.now_s = 1000.0
        self.said, self.pulses, self.began = [], [], []
        self.consuming = Consuming(
            self,
            pulse=lambda: self.pulses.append(self.passed_s),
            notice=self.said.append,
            time=Time(lambda: self.now_s, self.sleep),
        )

    @property
    def passed_s(self):
        return round(self.now_s - 1000.0, 6)

    def sleep(self, for_s):
        assert 0 < for_s <= 0.1
        self.now_s += for_s

    def sweep(self):
        if self.sweeps and (error := self.sweeps.pop(0)):
            raise error

    def advance(self):
        self.began.append(self.passed_s)
        took_s, error = self.passes.pop(0)
        self.now_s += took_s
        if not self.passes:
            self.consuming.stop()
        if error:
            raise error

    def run(self):
        self.consuming.run()
        return self


DOWN = UnavailableError("the table does not answer")


def test_a_shard_is_read_four_times_a_second():
    script = Script((0.05, None), (0.4, None), (0, None)).run()
    assert script.began == [0, 0.25, 0.65]
    assert script.pulses == [0.05, 0.65, 0.65]
    assert script.said == []


def test_a_store_that_does_not_answer_is_asked_again_after_longer_and_longer():
    passes = [(0, DOWN)] * 9
    script = Script(*passes, (0, None), (0, DOWN), (0, None)).run()
    pauses = [b - a for a, b in zip(script.began, script.began[1:], strict=False)]
    assert [round(p, 6) for p in pauses] == [
        *(0.5, 1, 2, 4, 8, 16, 30, 30, 30),
        0.25,
        0.5,
    ]
    assert script.said == ["the table does not answer"] * 10
    assert len(script.pulses) == 2


def test_stop_ends_it_after_the_batch_in_hand_and_ends_a_wait():
    script = Script((5, None)).run()
    assert (script.began, script.pulses, script.passed_s) == ([0], [5], 5)
    script = Script((0, DOWN)).run()
    assert (script.began, script.passed_s) == ([0], 0)


def test_outboxes_are_swept_every_minute_and_hold_up_nothing():
    script = Script((61, None), (1, None), (0, None), sweeps=[DOWN, DOWN, None]).run()
    # The sweeps at 0 s and 61.5 s fail; each time the next pass reads on.
    assert script.began == [0.5, 62.0, 63.0]
    assert script.said == ["the table does not answer"] * 2
