"""What every StateStore must do."""

from decimal import Decimal

import pytest

from penstock.errors import StaleStateError, UnavailableError
from tests.contract.samples import BTC, ETH, SOL, alert, completed, position, state


@pytest.fixture
def states(backend):
    return backend.states


def test_an_empty_store_knows_nothing(states):
    assert states.load([BTC, ETH]) == {}
    assert states.tickers() == states.positions() == states.undelivered() == []


def test_a_first_state_is_loaded_as_it_was_committed(states):
    full = state(BTC, position=position(), outbox=(alert(), completed()))
    assert states.commit([full]) == {}
    assert states.load([BTC, ETH]) == {BTC: full}
    assert str(states.load([BTC])[BTC].position.entry_price) == "85012.340"


def test_nothing_can_be_committed_and_loaded(states):
    assert states.commit([]) == {}
    assert states.load([]) == {}


def test_each_commit_replaces_the_state_before(states):
    for version in (1, 2, 3):
        assert states.commit([state(BTC, version)]) == {}
        assert states.load([BTC]) == {BTC: state(BTC, version)}


def test_many_tickers_are_committed_and_loaded_at_once(states):
    many = {f"coinbase:T{n:03}-USD": state(f"coinbase:T{n:03}-USD") for n in range(300)}
    assert states.commit(list(many.values())) == {}
    assert states.load(many.keys()) == many
    assert states.tickers() == sorted(many)


@pytest.mark.parametrize("version", [1, 2, 4, 5])
def test_only_the_next_version_is_accepted(states, version):
    for stored in (1, 2):
        states.commit([state(BTC, stored)])
    refused = states.commit([state(BTC, version, last_price=1.0)])
    assert list(refused) == [BTC]
    assert isinstance(refused[BTC], StaleStateError)
    assert refused[BTC].ticker == BTC
    assert refused[BTC].version == version - 1
    assert states.load([BTC]) == {BTC: state(BTC, 2)}


def test_a_ticker_without_a_state_begins_with_version_one(states):
    assert isinstance(states.commit([state(BTC, 2)])[BTC], StaleStateError)
    assert states.load([BTC]) == {}
    assert states.commit([state(BTC, 1)]) == {}


def test_a_stale_ticker_does_not_hold_up_the_others(states):
    states.commit([state(t) for t in (BTC, ETH, SOL)])
    states.commit([state(ETH, 2)])
    refused = states.commit([state(t, 2, last_price=9.0) for t in (BTC, ETH, SOL)])
    assert {t: type(e) for t, e in refused.items()} == {ETH: StaleStateError}
    assert states.load([BTC, ETH, SOL]) == {
        BTC: state(BTC, 2, last_price=9.0),
        ETH: state(ETH, 2),
        SOL: state(SOL, 2, last_price=9.0),
    }


def test_after_a_stale_refusal_a_reload_leads_on(states):
    states.commit([state(BTC, 1)])
    states.commit([state(BTC, 2)])
    assert BTC in states.commit([state(BTC, 2, last_price=9.0)])
    (latest,) = states.load([BTC]).values()
    assert states.commit([state(BTC, latest.version + 1)]) == {}


def test_a_position_comes_and_goes_with_its_state(states):
    states.commit([state(BTC, 1), state(ETH, 1, position=position(ETH))])
    assert states.positions() == [position(ETH)]
    states.commit([state(BTC, 2, position=position(BTC)), state(ETH, 2)])
    assert states.positions() == [position(BTC)]
    states.commit([state(BTC, 3), state(ETH, 3, position=position(ETH))])
    assert states.positions() == [position(ETH)]


def test_positions_are_listed_by_ticker_to_the_last_decimal(states):
    tickers = [SOL, BTC, ETH]
    states.commit([state(t, position=position(t)) for t in tickers])
    assert states.positions() == [position(t) for t in sorted(tickers)]
    (first, *_) = states.positions()
    assert first.quantity == Decimal("0.00000001")
    assert str(first.entry_price) == "85012.340"


def test_a_refused_state_does_not_move_its_position(states):
    states.commit([state(BTC, 1, position=position(entry_price="1"))])
    states.commit([state(BTC, 1, position=position(entry_price="2"))])
    states.commit([state(BTC, 5)])
    assert states.positions() == [position(entry_price="1")]


def test_undelivered_are_the_tickers_whose_outbox_waits(states):
    states.commit([state(SOL, outbox=(completed(SOL),)), state(ETH)])
    states.commit([state(BTC, outbox=(alert(1), alert(2)))])
    assert states.undelivered() == [BTC, SOL]
    states.commit([state(BTC, 2), state(ETH, 2, outbox=(alert(ticker=ETH),))])
    assert states.undelivered() == [ETH, SOL]


def test_an_unavailable_ticker_keeps_the_state_that_it_had(backend, states):
    tickers = (BTC, ETH)
    states.commit([state(t, 1, position=position(t)) for t in tickers])
    with backend.refusing(BTC) as affected:
        refused = states.commit([state(t, 2) for t in tickers])
    assert set(refused) == {t for t in tickers if affected(t)}
    assert {type(e) for e in refused.values()} == {UnavailableError}
    stored = {t: state(t, 1, position=position(t)) for t in refused}
    stored |= {t: state(t, 2) for t in tickers if t not in refused}
    assert states.load(tickers) == stored
    assert states.positions() == [position(t) for t in sorted(refused)]


def test_what_was_unavailable_can_be_committed_again(backend, states):
    with backend.refusing(BTC):
        assert BTC in states.commit([state(BTC, 1)])
    assert states.load([BTC]) == {}
    assert states.commit([state(BTC, 1)]) == {}
    assert states.load([BTC]) == {BTC: state(BTC, 1)}
