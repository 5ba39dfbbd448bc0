"""What of the feeds' status a person hears of, and how often."""

from msgspec.structs import replace

from penstock.drivers.live import ConnectionStatus, SourceStatus, TickerStatus
from penstock.entrypoints.cli.watch import Notices

CONNECTION = ConnectionStatus(
    name="kraken",
    feed="kraken",
    venue="kraken",
    host="ws.kraken.com",
    symbols=("BTC-USD",),
    state="live",
    frame_age_s=0.1,
    connects=1,
    down_s=0.0,
    messages=10,
    missed=0,
    repeated=0,
    unreadable=0,
    errors={},
    refused={},
    last_error="",
)
TICKER = TickerStatus(
    ticker="kraken:BTC-USD",
    trade_age_s=1.0,
    is_stale=False,
    trades=5,
    backfilled=0,
    gaps=0,
    missing=0,
    duplicates=0,
    held=0,
    latency_p50_us=1,
    latency_p99_us=2,
)


def told(*changes):
    """What is said of a connection and a ticker as they change."""
    notices = Notices()
    return [
        list(
            notices.of(
                SourceStatus(
                    connections=(replace(CONNECTION, **change.get("connection", {})),),
                    tickers=(replace(TICKER, **change.get("ticker", {})),),
                    queued=0,
                    max_queued=0,
                    pauses=0,
                    requests=0,
                    request_errors={},
                )
            )
        )
        for change in changes
    ]


def connection(**changes):
    return {"connection": changes}


def ticker(**changes):
    return {"ticker": changes}


def test_all_being_well_nothing_is_said():
    assert told({}, {}) == [[], []]


def test_a_refused_symbol_is_told_once():
    refused = connection(refused={"FOO-USD": "no such pair"})
    assert told(refused, refused) == [["kraken refused FOO-USD: no such pair"], []]


def test_a_connection_that_is_lost_is_told_and_its_return():
    lost = connection(state="connecting", last_error="reset")
    down = "kraken at ws.kraken.com is not connected: reset"
    back = "kraken is connected again"
    assert told({}, lost, lost, {}, lost) == [[], [down], [], [back], [down]]


def test_a_connection_that_is_being_made_is_not_told_before_it_failed():
    begun = connection(state="connecting", connects=0)
    assert told(begun, {}) == [[], []]


def test_a_stop_as_was_asked_for_tells_of_no_error_that_is_over():
    closed = connection(state="closed", last_error="reset")
    assert told(connection(last_error="reset"), closed) == [[], []]


def test_one_that_ended_by_itself_is_told():
    refused = connection(state="refused", last_error="no symbol is fed")
    said = "kraken at ws.kraken.com is not connected: no symbol is fed"
    assert told({}, refused, refused) == [[], [said], []]


def test_a_list_of_markets_that_is_not_to_be_had_is_told_once():
    unchecked = connection(unchecked="HTTP 503")
    said = (
        "kraken: a symbol that the venue does not know would stay quiet, for its list "
        "is not to be had: HTTP 503"
    )
    assert told(unchecked, unchecked) == [[said], []]


def test_each_gap_that_stays_is_told_with_its_size():
    gaps = ticker(missing=3), ticker(missing=3), ticker(missing=4)
    for_good = "missing for good"
    assert told(*gaps) == [
        [f"kraken:BTC-USD: 3 trades {for_good}"],
        [],
        [f"kraken:BTC-USD: 1 trade {for_good}"],
    ]


def test_a_quiet_ticker_is_told_each_time_that_it_becomes_so():
    quiet = ticker(is_stale=True)
    said = ["kraken:BTC-USD: no trade for a while"]
    assert told({}, quiet, quiet, {}, quiet) == [[], said, [], [], said]


def test_what_cannot_be_counted_is_told_each_time():
    outage = (
        "kraken:BTC-USD: trades may be missing from before it was connected; "
        "they cannot be counted"
    )
    anew = "kraken:BTC-USD: the venue began its ids anew"
    odd = "kraken:BTC-USD: 2 trades left out, with ids or times far from all others"
    assert told(
        ticker(outages=1),
        ticker(outages=1),
        ticker(outages=2, resets=1),
        ticker(outages=2, resets=1, odd=2),
    ) == [[outage], [], [outage, anew], [odd]]
