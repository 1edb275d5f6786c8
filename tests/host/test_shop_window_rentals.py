"""Titles for a time in the shop's window: offers with price and end, renting, until when something is whose."""

import pytest
from headend.accounts.engine import transaction
from headend.shop import catalogue, ledger
from headend.shop.rentals import MS_LIMIT, Term
from headend.shop.web.window import pages, words

from tests.helpers import shop as helper
from tests.helpers.shop import DAY_MS, HOUR_MS, NOW
from tests.helpers.shop_web import Counter
from tests.helpers.shop_window import Page, Passer

FIRST_PLAY = "for 24 hours from the first play on"
PERIOD = "from 15 January 2027, 08:00 UTC until 15 January 2027, 09:00 UTC"
BOTH = "for 24 hours from the first play on, until 15 January 2027, 09:00 UTC"


@pytest.fixture
def shop(tmp_path):
    with Counter(helper.new_database(), tmp_path / "shelf") as made:
        yield made
        assert made.stall.audit() == []


@pytest.fixture
def ann(shop):
    passer = Passer(shop)
    passer.register(units=100)
    return passer


def text(answer):
    """What can be read of a page, with single spaces."""
    assert answer.status_code == 200, answer.text
    return " ".join(Page(answer.text).text.split())


def rent(who, title, offer, price=5):
    return who.send(f"/titles/{title}", {"price": str(price), "offer": str(offer)})


def test_the_page_of_a_title_shows_for_how_long_it_is_sold_and_who_signs_in_can_rent_it(shop, ann):
    title = shop.stall.title("Blue", 30)
    day = shop.stall.rental(title)
    hour = shop.stall.rental(title, 7, Term(NOW, NOW + HOUR_MS))
    shop.stall.rental(title, 101, Term(ends_ms=NOW + HOUR_MS, holds_s=86_400))
    nobody, page = ann.look("/titles/1"), Page(ann.look("/titles/1").text)
    for said in (text(Passer(shop).look("/titles/1")), text(nobody)):
        assert f"Or for a time 5 units {FIRST_PLAY}" in said and f"7 units {PERIOD}" in said and BOTH in said
    assert page.one("time", datetime="2027-01-15T08:00Z")
    assert [one["value"] for one in page.all("button") if one.get("name") == "offer"] == [str(day), str(hour)]
    assert f"{BOTH} 1 unit too few" in text(nobody) and "Buy for good for 30 units" in text(nobody)
    assert Page(Passer(shop).look("/titles/1").text).all("button") == []
    assert "30 units, or from 5 units for a time" in text(ann.look("/"))
    assert rent(ann, title, day).headers["location"] == "/titles/1"
    assert "It is yours for as long as you chose" in text(ann.look("/titles/1"))
    assert rent(ann, title, day).status_code == 303 and "nothing was charged" in text(ann.look("/titles/1"))
    assert shop.stall.balance(1) == 95


def test_what_is_rented_says_until_when_it_is_whose_and_what_has_ended_can_be_had_anew(shop, ann):
    title = shop.stall.title("Blue", 30)
    offer = shop.stall.rental(title)
    rent(ann, title, offer)
    ann.look("/")
    for path in ("/", "/titles/1", "/account/library"):
        assert f"Yours {FIRST_PLAY}" in text(ann.look(path)), path
    shown = text(ann.look("/titles/1"))
    assert "Or for a time" not in shown and "any other one until" not in shown and "Buy for good for 30 units" in shown
    shop.stall.deliver(shop.stall.right(1, title), NOW)
    assert "any other one until 16 January 2027, 08:00 UTC." in text(ann.look("/titles/1"))
    shop.now_ms += DAY_MS
    shown = text(ann.look("/titles/1"))
    assert "Or for a time" in shown and "Yours" not in shown
    assert "Yours" not in text(ann.look("/")) and "In your library" not in text(ann.look("/"))
    library = text(ann.look("/account/library"))
    assert "What has ended Blue Yours until 16 January 2027, 08:00 UTC" in library and "stays yours" not in library
    assert "bought nothing" not in library
    rent(ann, title, offer)
    assert "It is yours for as long" in text(ann.look("/titles/1"))
    assert "What has no end stays yours" in text(ann.look("/account/library"))
    assert ann.send("/titles/1", {"price": "30"}).status_code == 303
    assert "It is yours. " in text(ann.look("/titles/1")) and "All of this stays" in text(ann.look("/account/library"))
    told = text(ann.look("/account/transactions"))
    assert told.index("Bought: Blue") < told.index("Ended: Blue") < told.index("Rented: Blue")
    assert f"Yours {FIRST_PLAY}" in told and shop.stall.balance(1) == 60


@pytest.mark.parametrize(
    ("price", "offer", "status", "says"),
    [
        ("4", 1, 409, "The price has changed"),
        ("5", 9, 404, "This offer is over"),
        ("5", 0, 404, "This offer is over"),
        ("900", 2, 402, "You have too few units"),
        ("5", "x", 400, "Open its page again"),
        ("", 1, 400, "Open its page again"),
    ],
)
def test_what_cannot_be_rented_is_said_on_the_page_and_changes_nothing(shop, ann, price, offer, status, says):
    title = shop.stall.title("Blue", 30)
    shop.stall.rental(title)
    shop.stall.rental(title, 900)
    answer = rent(ann, title, offer, price)
    assert answer.status_code == status and says in Page(answer.text).text
    assert shop.stall.balance(1) == 100 and shop.stall.restore(1) == []


def test_another_offer_waits_until_the_right_has_ended_and_a_form_of_another_site_rents_nothing(shop, ann):
    title = shop.stall.title("Blue", 30)
    offers = [shop.stall.rental(title), shop.stall.rental(title)]
    evil = ann.send("/titles/1", {"price": "5", "offer": str(offers[0])}, origin="https://evil.test")
    assert evil.status_code == 403 and shop.stall.restore(1) == []
    rent(ann, title, offers[0])
    again = rent(ann, title, offers[1])
    assert again.status_code == 409 and "still runs, and nothing was charged" in Page(again.text).text
    assert shop.stall.balance(1) == 95


def test_that_the_clock_runs_for_other_players_is_said_when_a_player_has_fetched_it(shop, ann):
    title = shop.stall.title("Blue", 30)
    rent(ann, title, shop.stall.rental(title, term=Term(ends_ms=NOW + 9 * DAY_MS, holds_s=86_400)))
    assert "any other one until" not in text(ann.look("/titles/1"))
    shop.stall.deliver(shop.stall.right(1, title), NOW)
    assert "any other one until 16 January 2027, 08:00 UTC." in text(ann.look("/titles/1"))


def test_what_is_sold_no_more_is_offered_to_nobody_who_has_it_for_a_time(shop, ann):
    title = shop.stall.title("Blue", 30)
    rent(ann, title, shop.stall.rental(title, term=Term(ends_ms=NOW + HOUR_MS)))
    with transaction(shop.stall.engine) as connection:
        catalogue.withdraw(connection, title)
    shown = text(ann.look("/titles/1"))
    assert "Yours until 15 January 2027, 09:00 UTC" in shown and "Buy" not in shown
    shop.now_ms += HOUR_MS
    assert ann.look("/titles/1").status_code == 404
    assert "What has ended Blue" in text(ann.look("/account/library"))


def test_lengths_and_instants_are_said_as_people_say_them(shop, ann):
    said = {1: "1 second", 90: "90 seconds", 60: "1 minute", 5400: "90 minutes", 3600: "1 hour", 86_400: "24 hours"}
    for seconds, wanted in {**said, 129_600: "36 hours", 172_800: "2 days", 86_400_000: "1,000 days"}.items():
        assert pages.span(seconds) == wanted
    title = shop.stall.title("Blue", 30)
    shop.stall.rental(title, term=Term(NOW, MS_LIMIT - 1))
    assert "until 31 December 9999, 23:59 UTC" in text(ann.look("/titles/1"))
    shop.stall.rental(title, term=Term(begins_ms=NOW, holds_s=60))
    assert "for 1 minute from the first play on, from 15 January 2027, 08:00 UTC on" in text(ann.look("/titles/1"))


def test_every_kind_of_entry_has_a_word():
    assert words.BOOKED.keys() == set(ledger.KINDS)
