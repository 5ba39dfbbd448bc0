"""Dead letters: looked at, tried again, discarded."""

import base64
from functools import partial

import pytest
from msgspec.structs import replace

from penstock.bootstrap import open_store
from penstock.codec import Entry, encode_trade
from penstock.entrypoints.worker import Worker
from penstock.model import DeadLetter, Trade
from tests.commands import penstock, read_json
from tests.embedded import archived, check, settings

GOOD = Trade(
    venue="v", symbol="A-B", price=100.0, size=1.0, event_us=10, received_us=10
)
STAYS = "1 letter kept.  What came from a file in another"


@pytest.fixture
def wanted(tmp_path):
    return settings(tmp_path / "data")


def put(wanted, *letters, applied=()):
    """Make a data directory with dead letters, after some trades were applied."""
    with open_store(wanted) as store:
        entries = [Entry(t.ticker, encode_trade(t), t.seq, 1) for t in applied]
        store.stream.append(entries)
        with Worker(store, wanted, lambda _: None):
            pass
        store.dead_letters.put(
            [
                DeadLetter(
                    id=f"f:{number}",
                    key="",
                    reason="was not known then",
                    data=data,
                    arrival_us=number,
                    version="0",
                )
                for number, data in enumerate(letters, 1)
            ]
        )


def trade(seq, **changes):
    return replace(GOOD, seq=seq, event_us=seq, **changes)


def line(seq, **changes):
    return encode_trade(trade(seq, **changes))


def state_of(wanted, ticker):
    with open_store(wanted) as store:
        return store.states.load([ticker])[ticker]


class TestDeadLetters:
    def test_they_are_listed_newest_first_with_all_their_bytes(self, wanted):
        put(wanted, b"one", b"\xfftwo")
        found = read_json("dead-letters", data_dir=wanted.data_dir)
        assert [letter["id"] for letter in found] == ["f:2", "f:1"]
        assert base64.b64decode(found[0]["data_base64"]) == b"\xfftwo"
        assert found[0] | {"data_base64": ""} == {
            "id": "f:2",
            "key": "",
            "reason": "was not known then",
            "arrived": "1970-01-01T00:00:00.000002Z",
            "version": "0",
            "size_bytes": 4,
            "data_base64": "",
        }

    def test_the_table_cannot_write_to_the_terminal(self, wanted):
        put(wanted, b"\x1b[2J[red]cleared")
        said = penstock("dead-letters", data_dir=wanted.data_dir).stdout
        assert r"b'\x1b[2J[red]cleared'" in said
        assert "\x1b" not in said
        assert said.endswith("\n1 dead letter\n")

    def test_limit_chooses_the_newest(self, wanted):
        put(wanted, *(b"%d" % number for number in range(25)))
        listed = partial(read_json, "dead-letters", data_dir=wanted.data_dir)
        assert [len(listed()), len(listed("--limit", "0"))] == [20, 25]
        assert [letter["id"] for letter in listed("--limit", "1")] == ["f:25"]
        said = penstock("dead-letters", data_dir=wanted.data_dir).stdout
        assert said.endswith("\n25 dead letters (20 shown)\n")

    def test_one_is_shown_whole(self, wanted):
        put(wanted, b"\x00\xff\n" * 100_000)
        said = penstock("dead-letters", "--show", "f:1", data_dir=wanted.data_dir)
        assert said.stdout_bytes == b"\x00\xff\n" * 100_000

    def test_one_that_is_not_there_is_an_error(self, wanted):
        put(wanted, b"x")
        said = penstock(
            "dead-letters", "--show", "f:2", data_dir=wanted.data_dir, code=2
        )
        assert said.stderr == "penstock: no dead letter 'f:2'. Did you mean 'f:1'?\n"

    def test_none_is_said(self, wanted):
        put(wanted)
        said = penstock("dead-letters", data_dir=wanted.data_dir).stdout
        assert said == "No dead letters: everything that came could be read.\n"


class TestRedrive:
    def test_what_reads_now_is_applied_in_order_and_the_rest_stays(self, wanted):
        put(wanted, line(5), b"not yet", line(7, price=101.0), applied=[trade(4)])
        found = read_json("redrive", data_dir=wanted.data_dir, code=1)
        (letter,) = found.pop("letters")
        assert letter["id"] == "f:2"
        assert letter["reason"].startswith("not a trade: JSON is malformed")
        assert found == {
            "redriven": 2,
            "applied": 2,
            "older": 0,
            "kept": 1,
            "discarded": 0,
        }
        left = read_json("dead-letters", data_dir=wanted.data_dir)
        assert [letter["id"] for letter in left] == ["f:2"]
        state = state_of(wanted, "v:A-B")
        assert (state.trades, state.last_seq, state.last_price) == (3, 7, 101.0)
        assert check(wanted).difference is None

    def test_what_is_older_than_what_is_applied_is_archived_and_said_so(self, wanted):
        put(wanted, line(2), line(9), line(3), applied=[trade(4)])
        said = penstock("redrive", data_dir=wanted.data_dir).stdout
        assert said == (
            "3 letters redriven.\n1 trade applied.\n"
            "2 older than what is applied: archived, not applied.\n"
        )
        assert state_of(wanted, "v:A-B").trades == 2
        with open_store(wanted) as store:
            assert [t.seq for t in archived(store)["v:A-B"]] == [4, 2, 9, 3]
        assert check(wanted).difference is None

    def test_a_trade_that_lay_under_another_ticker_goes_under_its_own(self, wanted):
        put(wanted, line(1, symbol="C-D"))
        read_json("redrive", data_dir=wanted.data_dir)
        assert state_of(wanted, "v:C-D").trades == 1

    def test_again_there_is_nothing_left(self, wanted):
        put(wanted, line(1))
        assert read_json("redrive", data_dir=wanted.data_dir)["redriven"] == 1
        assert read_json("redrive", data_dir=wanted.data_dir)["redriven"] == 0
        said = penstock("redrive", data_dir=wanted.data_dir).stdout
        assert said == "No dead letters: there is nothing to redrive.\n"
        assert state_of(wanted, "v:A-B").trades == 1

    def test_after_a_crash_between_storing_and_forgetting_nothing_is_doubled(
        self, wanted
    ):
        put(wanted, line(5))
        read_json("redrive", data_dir=wanted.data_dir)
        put(wanted, line(5))
        found = read_json("redrive", data_dir=wanted.data_dir)
        assert (found["redriven"], found["applied"], found["older"]) == (1, 0, 1)
        assert state_of(wanted, "v:A-B").trades == 1
        assert check(wanted).difference is None

    def test_trades_without_a_number_are_numbered_by_their_time(self, wanted):
        unnumbered = [encode_trade(replace(GOOD, event_us=us)) for us in (50, 50, 60)]
        put(wanted, *unnumbered, applied=[replace(GOOD, seq=10 * 1024)])
        read_json("redrive", data_dir=wanted.data_dir)
        state = state_of(wanted, "v:A-B")
        assert (state.trades, state.last_seq) == (4, 60 * 1024)

    def test_one_without_a_number_stays_where_the_venue_numbers_its_trades(
        self, wanted
    ):
        real = replace(GOOD, seq=1081862675, event_us=1_732_146_000_000_000)
        late = encode_trade(replace(real, seq=0))
        put(wanted, late, applied=[real])
        found = read_json("redrive", data_dir=wanted.data_dir, code=1)
        assert found["letters"] == [
            {
                "id": "f:1",
                "reason": "no seq, and the venue numbers v:A-B: its place is not known",
            }
        ]
        assert state_of(wanted, "v:A-B").last_seq == 1081862675

    def test_a_dry_run_says_what_would_be_done_and_does_nothing(self, wanted):
        put(wanted, line(1), b"not yet")
        said = penstock("redrive", "--dry-run", data_dir=wanted.data_dir, code=1)
        assert "1 letter would be redriven.\n" in said.stdout
        assert STAYS in said.stdout
        assert len(read_json("dead-letters", data_dir=wanted.data_dir)) == 2

    def test_some_may_be_chosen(self, wanted):
        put(wanted, line(1), line(2), line(3))
        chosen = ["--id", "f:1", "--id", "f:3"]
        found = read_json("redrive", *chosen, data_dir=wanted.data_dir)
        assert (found["redriven"], found["applied"]) == (2, 2)
        left = read_json("dead-letters", data_dir=wanted.data_dir)
        assert [letter["id"] for letter in left] == ["f:2"]
        penstock("redrive", "--id", "f:9", data_dir=wanted.data_dir, code=2)

    def test_what_cannot_be_read_may_be_discarded(self, wanted):
        put(wanted, line(1), b"never", b"nor this")
        said = penstock("redrive", "--discard", data_dir=wanted.data_dir).stdout
        assert "2 letters discarded.\n" in said
        assert read_json("dead-letters", data_dir=wanted.data_dir) == []
        assert state_of(wanted, "v:A-B").trades == 1

    def test_many_go_in_order(self, wanted):
        put(wanted, *(line(seq) for seq in range(1, 2502)))
        found = read_json("redrive", data_dir=wanted.data_dir)
        assert (found["applied"], found["older"]) == (2501, 0)
