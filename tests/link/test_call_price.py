"""The highest price that the viewer accepts: the centre denies above it, before any charge and any key."""

import pytest
from headend.callcentre.subscribers import set_tariff
from settop.wire import call as wire

from tests.helpers.call_pair import Air, CallPair, Home, kinds

TOO_DEAR = "denied: a portion costs more than the viewer accepts"


@pytest.mark.parametrize("max_price", [0, 1, 9])
def test_price_above_the_viewers_limit_is_denied_before_any_charge(max_price):
    home = Home(credit=100)
    pair = CallPair(home.ledger, Air(), max_price=max_price).run(5_000)
    assert (pair.closed, pair.centre_closed) == (TOO_DEAR, TOO_DEAR)
    assert kinds(pair.down) == ["CHALLENGE", "DENY"]
    assert (pair.keys, home.records(), home.bill()) == ({}, [], 0)


@pytest.mark.parametrize("max_price", [10, 11, 0xFFFFFFFF])
def test_price_up_to_the_viewers_limit_is_charged_as_ever(max_price):
    home = Home()
    pair = CallPair(home.ledger, Air(), max_price=max_price)
    pair.at(15_000, pair.hang_up)
    pair.run(20_000)
    assert (pair.closed, home.bill()) == ("goodbye", 20)


def test_limit_takes_octets_only_where_there_is_one():
    requests = {}
    for max_price in (None, 10):
        pair = CallPair(Home().ledger, Air(), max_price=max_price).run(3_000)
        requests[max_price] = next(frame for _, frame in pair.up.frames if frame[0] == wire.REQUEST)
    assert len(requests[10]) == len(requests[None]) + 4


def test_set_up_price_is_not_what_is_compared():
    home = Home()
    set_tariff(home.engine, "test", 10, 500)
    pair = CallPair(home.ledger, Air(), max_price=10).run(3_000)
    assert pair.closed is None and home.bill() == 520


def test_tariff_that_has_risen_since_the_last_call_is_denied_in_the_next_one():
    home, air = Home(), Air()
    first = CallPair(home.ledger, air, max_price=10).run(12_000)
    first.lose_line()
    set_tariff(home.engine, "test", 11)
    second = CallPair(home.ledger, air, connect_ms=13_000, max_price=10, seed=2).run(16_000)
    assert second.closed == TOO_DEAR
    assert home.bill() == 30


def test_tariff_that_rises_in_the_call_does_not_change_its_price():
    home = Home()
    pair = CallPair(home.ledger, Air(), max_price=10)
    pair.at(12_000, lambda: set_tariff(home.engine, "test", 999))
    pair.at(25_000, pair.hang_up)
    pair.run(30_000)
    assert (pair.closed, home.bill()) == ("goodbye", 30)


def test_denied_call_leaves_another_call_of_the_subscriber_alone():
    """A viewer's second terminal with a copied identity, say: what is denied supersedes nothing."""
    home, air = Home(), Air()
    running = CallPair(home.ledger, air).run(5_000)
    CallPair(home.ledger, air, connect_ms=5_000, max_price=1, seed=2).run(7_000)
    running.run(25_000)
    assert running.centre_closed is None
    assert max(running.keys) == (1, 3)


def test_programme_that_costs_too_much_by_now_ends_the_call_and_gives_back_what_had_not_begun():
    home = Home()
    pair = CallPair(home.ledger, Air(programmes=(1, 2)), max_price=10).run(14_000)
    set_tariff(home.engine, "test", 11)
    pair.watch(2)
    pair._settle()
    pair.run(20_000)
    (record,) = home.records()
    assert (pair.closed, record.withdrawn, record.price) == (TOO_DEAR, (2,), 20)
