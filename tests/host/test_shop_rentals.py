"""Titles sold with an end (X12 to X14), the shop's half: offers, purchase, and what another client gets."""

import pytest
from headend.accounts.engine import transaction
from headend.shop import catalogue, refusals, rentals
from headend.shop.refusals import Refused
from headend.shop.rentals import Term
from settop.errors import LocalError
from settop.wire import shop as wire

from tests.helpers import shop as helper
from tests.helpers.shop import DAY, DAY_MS, HOUR_MS, NOW, PASSWORD, Stall
from tests.helpers.shop_channel import BODY, Ends


def refused(code, method, *arguments):
    with pytest.raises(Refused) as caught:
        method(*arguments)
    assert caught.value.code == code


@pytest.fixture
def stall():
    return Stall(helper.new_database())


@pytest.fixture
def ends():
    return Ends(helper.new_database())


def test_an_offer_is_bought_for_its_price_with_its_terms_and_again_for_nothing(stall):
    user, title = stall.user(100), stall.title(price=30)
    offer = stall.rental(title)
    bought, is_new = stall.buy(user, title, NOW, 5, offer)
    again = stall.buy(user, title, NOW + 1, 5, offer)
    assert is_new and bought.term == DAY and again == (bought, False)
    assert stall.balance(user) == 95 and stall.audit() == []
    refused(refusals.STILL_RUNS, stall.buy, user, title, NOW, 5, stall.rental(title))
    assert stall.refund(user, title, NOW) == 5
    assert stall.balance(user) == 100 and stall.audit() == []


def test_what_is_no_offer_is_refused_and_nothing_is_booked(stall):
    user, title, other = stall.user(100), stall.title("A"), stall.title("B")
    offer = stall.rental(title, term=Term(NOW, NOW + HOUR_MS))
    for number, when in ((offer + 1, NOW), (0, NOW), (1 << 31, NOW), (offer, NOW + HOUR_MS)):
        refused(refusals.NO_OFFER, stall.buy, user, title, when, None, number)
    refused(refusals.NO_OFFER, stall.buy, user, other, NOW, None, offer)
    refused(refusals.PRICE_CHANGED, stall.buy, user, title, NOW, 4, offer)
    with transaction(stall.engine) as connection:
        rentals.withdraw_rental(connection, offer)
    refused(refusals.NO_OFFER, stall.buy, user, title, NOW, None, offer)
    assert stall.balance(user) == 100 and len(stall.transactions(user)) == 1
    for term in (Term(), Term(5, 5), Term(begins_ms=5), Term(ends_ms=-1), Term(holds_s=1 << 32)):
        with pytest.raises(LocalError):
            stall.rental(title, term=term)


def test_x14_a_right_that_has_ended_is_bought_anew_as_another_right_under_the_same_key(stall):
    user, title = stall.user(100), stall.title(price=30)
    offer = stall.rental(title)
    first, _ = stall.buy(user, title, NOW, 5, offer)
    stall.deliver(first, NOW)
    assert stall.offer(title, user, NOW + DAY_MS - 1).bought
    assert not stall.offer(title, user, NOW + DAY_MS).bought
    assert not stall.buy(user, title, NOW + DAY_MS - 1, 5, offer)[1]
    second, is_new = stall.buy(user, title, NOW + DAY_MS, 5, offer)
    assert is_new and second.right > first.right and (second.kid, second.key) == (first.kid, first.key)
    assert stall.balance(user) == 90 and stall.audit() == []
    good, is_new = stall.buy(user, title, NOW + DAY_MS, 30)
    assert is_new and good.term is None and good.key == first.key
    assert stall.buy(user, title, NOW, None, offer) == (good, False)
    assert stall.balance(user) == 60 and stall.audit() == []
    kinds = [one.kind for one in stall.transactions(user)]
    assert kinds == ["card", "purchase", "end", "purchase", "end", "purchase"]


def test_too_few_units_leave_the_right_that_was_there(stall):
    user, title = stall.user(5), stall.title(price=30)
    offer = stall.rental(title)
    bought, _ = stall.buy(user, title, NOW, 5, offer)
    refused(refusals.NO_UNITS, stall.buy, user, title, NOW)
    assert stall.restore(user) == [bought] and stall.audit() == []


def test_a_member_rents_under_a_key_of_his_own(stall):
    jazz, user = stall.group("Jazz"), stall.user(100)
    stall.join(user, jazz, NOW)
    title = stall.title(price=30, group=jazz)
    assert stall.buy(user, title, NOW, 5, stall.rental(title))[0].kid != (
        stall.buy(user, stall.title("Other", group=jazz), NOW)[0].kid
    )


def test_a_rented_title_that_is_sold_no_more_is_gone_when_its_right_has_ended(stall):
    user, title = stall.user(100), stall.title(price=30)
    stall.buy(user, title, NOW, 5, stall.rental(title, term=Term(NOW, NOW + HOUR_MS)))
    with transaction(stall.engine) as connection:
        catalogue.withdraw(connection, title)
    assert stall.rentals(title, NOW) == []
    assert stall.offer(title, user, NOW + HOUR_MS - 1).bought
    refused(refusals.NO_TITLE, stall.offer, title, user, NOW + HOUR_MS)


def test_x12_who_restores_gets_what_is_left_and_not_more_over_the_channel(ends):
    first = ends.client()
    ends.ask(first, wire.SIGN_UP, "ann", PASSWORD)
    ends.ask(first, wire.REDEEM, ends.stall.new_card(100, NOW))
    day, period = ends.stall.title("Day"), ends.stall.title("Period")
    offers = ends.stall.rental(day), ends.stall.rental(period, 7, Term(NOW, NOW + HOUR_MS))
    listed = wire.Reader(ends.ask(first, wire.OFFERS, 0, day), BODY)
    assert listed.take(">H") + listed.take(wire.OFFER) == (0, offers[0], 5, 0, 0, 86_400) and not listed.more()

    def right(reader):
        title, _, _, _ = reader.take(wire.RIGHT_HEAD)
        terms = reader.take(wire.TERMS)
        reader.text()
        return title, terms[1:]

    def restored(now_ms):
        channel = ends.client(now_ms=now_ms)
        ends.ask(channel, wire.SIGN_IN, "ann", PASSWORD, now_ms=now_ms)
        reader = wire.Reader(ends.ask(channel, wire.RESTORE, 0, now_ms=now_ms), BODY)
        assert reader.take(">H") == (0,)
        found = []
        while reader.more():
            found.append(right(reader))
        return found

    assert right(wire.Reader(ends.ask(first, wire.RENT, day, offers[0], 5), BODY)) == (day, (0, 0, 86_400))
    said = wire.Reader(ends.ask(first, wire.RENT, period, offers[1], wire.ANY_PRICE), BODY)
    assert right(said) == (period, (NOW, NOW + HOUR_MS, 0))
    left = (day, (0, NOW + DAY_MS, 86_400))
    assert restored(NOW + HOUR_MS - 1) == [left, (period, (NOW, NOW + HOUR_MS, 0))]
    assert restored(NOW + HOUR_MS) == [left] == restored(NOW + DAY_MS - 1)
    assert restored(NOW + DAY_MS) == []
