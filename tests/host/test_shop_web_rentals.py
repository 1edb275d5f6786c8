"""Titles for a time by HTTP: what is offered, renting, what is held and until when; tests/peers: on PostgreSQL too."""

import pytest
from headend.shop import refusals
from headend.shop.rentals import Term

from tests.helpers import shop as helper
from tests.helpers.shop import DAY_MS, HOUR_MS, NOW
from tests.helpers.shop_web import Counter, code_of

FOR_A_DAY = {"begins_ms": None, "ends_ms": None, "seconds": 86_400}
PERIOD = {"begins_ms": NOW, "ends_ms": NOW + HOUR_MS, "seconds": None}


@pytest.fixture
def shop(tmp_path):
    with Counter(helper.new_database(), tmp_path / "shelf") as made:
        yield made
        assert made.stall.audit() == []


def rent(who, title, offer, price=5):
    return who.put(f"/api/account/titles/{title}/offers/{offer}", json={"price": price})


def test_catalogue_and_title_say_for_how_long_it_is_sold_and_for_what(shop):
    titles = [shop.stall.title(name, 30) for name in ("Blue", "Red")]
    day, hour = shop.stall.rental(titles[0]), shop.stall.rental(titles[0], 7, Term(NOW, NOW + HOUR_MS))
    both = [{"offer": day, "price": 5, **FOR_A_DAY}, {"offer": hour, "price": 7, **PERIOD}]
    told = shop.nobody.get("/api/titles").json()["titles"]
    assert [one["offers"] for one in told] == [both, []]
    assert shop.nobody.get(f"/api/titles/{titles[0]}").json() == told[0]
    shop.now_ms += HOUR_MS
    assert shop.nobody.get("/api/titles").json()["titles"][0]["offers"] == both[:1]
    assert shop.nobody.get(f"/api/titles/{titles[0]}").json()["offers"] == both[:1]


def test_a_title_is_rented_for_the_price_that_was_seen_and_again_for_nothing(shop):
    ann, title = shop.visitor(units=9), shop.stall.title(price=30)
    offer, other = shop.stall.rental(title), shop.stall.rental(title, 1)
    assert code_of(rent(ann, title, offer, 4), 409) == refusals.PRICE_CHANGED
    assert code_of(ann.put(f"/api/account/titles/{title}/offers/{offer}", json={}), 422) == "malformed"
    assert code_of(rent(ann, title, 9), 404) == refusals.NO_OFFER
    assert code_of(rent(ann, 9, offer), 404) == refusals.NO_TITLE
    assert ann.get("/api/account").json()["balance"] == 9
    first, again = rent(ann, title, offer).json(), rent(ann, title, offer).json()
    assert (first.pop("new"), again.pop("new")) == (True, False) and first == again
    assert (first["balance"], first["held"]) == (4, {**FOR_A_DAY, "until_ms": None})
    assert code_of(rent(ann, title, other, 1), 409) == refusals.STILL_RUNS
    dear = shop.stall.title("Dear", 30)
    assert code_of(rent(ann, dear, shop.stall.rental(dear)), 402) == refusals.NO_UNITS
    assert ann.get("/api/account").json()["balance"] == 4


def test_x12_the_list_of_rights_says_until_when_and_a_title_whose_right_has_ended_is_not_bought(shop):
    ann, title, other = shop.visitor(units=100), shop.stall.title("Blue", 30), shop.stall.title("Red", 30)
    rent(ann, title, shop.stall.rental(title))
    ann.put(f"/api/account/titles/{other}", json={"price": 30})

    def seen():
        """Of the title: (bought, held) as the catalogue has it, and (held, over) as the list of rights."""
        shown = ann.get("/api/titles").json()["titles"][0]
        assert ann.get(f"/api/titles/{title}").json() == shown
        mine, good = ann.get("/api/account/titles").json()["titles"]
        assert (good["held"], good["over"]) == (None, False)
        return (shown["bought"], shown["held"]), (mine["held"], mine["over"])

    unknown = {**FOR_A_DAY, "until_ms": None}
    shop.now_ms += 9 * DAY_MS
    assert seen() == ((True, unknown), (unknown, False))
    delivered = shop.now_ms
    shop.stall.deliver(shop.stall.right(1, title), delivered)
    known = {**FOR_A_DAY, "until_ms": delivered + DAY_MS}
    shop.now_ms = delivered + DAY_MS - 1
    assert seen() == ((True, known), (known, False))
    shop.now_ms += 1
    assert seen() == ((False, None), (known, True))
    assert not shop.nobody.get(f"/api/titles/{title}").json()["bought"]
    good = ann.put(f"/api/account/titles/{title}", json={"price": 30}).json()
    assert (good["new"], good["held"], good["over"], good["balance"]) == (True, None, False, 35)


def test_transactions_say_for_how_long(shop):
    ann, title = shop.visitor(units=100), shop.stall.title(price=30)
    rent(ann, title, shop.stall.rental(title, term=Term(NOW, NOW + HOUR_MS)))
    shop.now_ms += HOUR_MS
    ann.put(f"/api/account/titles/{title}", json={"price": 30})
    told = ann.get("/api/account/transactions").json()["transactions"]
    assert [(one["kind"], one["units"], one["term"]) for one in told] == [
        ("card", 100, None),
        ("purchase", -5, PERIOD),
        ("end", 0, None),
        ("purchase", -30, None),
    ]


def test_a_right_with_an_end_has_a_copy_but_no_licence(shop):
    ann, title = shop.visitor(units=100), shop.put()
    client = shop.client().client_id.hex()
    rent(ann, title, shop.stall.rental(title))
    assert ann.get(f"/api/account/titles/{title}/copy").status_code == 200
    assert code_of(ann.get(f"/api/account/titles/{title}/licences/{client}"), 409) == refusals.HAS_AN_END
