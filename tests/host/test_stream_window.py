"""Streams in the shop's window, without a browser: what its pages say, and whom they let do what."""

import shlex

import pytest
from headend.shop.web.window import pages
from headend.shop.web.window.streams import length
from headend.stream.catalogue import Terms
from headend.stream.sales.core import TransactionServer
from settop.media import key_text

from tests.helpers import shop as helper
from tests.helpers.shop import NOW
from tests.helpers.shop_web import Counter
from tests.helpers.shop_window import Page, Passer
from tests.helpers.streams import EVENING, FREE, HOUR_MS, SERVER, WEEK, put_stream

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


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


def test_somebody_chooses_a_time_buys_and_gets_what_starts_the_viewer(shop):
    number, evening, _ = put_stream(shop.stall, "film", EVENING, WEEK)
    ann = Passer(shop)
    assert Page(ann.look("/").text).one("a", href="/streams")
    assert "From 30 units" in ann.look("/streams").text
    told = Page(ann.look(f"/streams/{number}").text)
    assert told.one("a", href=f"/sign-in?to=/streams/{number}") and told.all("form") == []
    assert "6 hours, 30 units" in told.text and "7 days, 80 units" in told.text
    assert ann.register(to=f"/streams/{number}").headers["location"] == f"/streams/{number}"
    assert "30 units too few" in ann.look(f"/streams/{number}").text
    ann.redeem(70)
    page = Page(ann.look(f"/streams/{number}").text)
    assert len(page.all("form")) == 1 and "10 units too few" in page.text  # the week is too dear
    fields = {one["name"]: one["value"] for one in page.all("input")}
    assert fields == {"limit": str(evening), "price": "30"}
    bought = ann.send(f"/streams/{number}", fields)
    assert (bought.status_code, bought.headers["location"]) == (303, "/account/streams")
    answer = ann.look("/account/streams")
    assert answer.headers["cache-control"] == "no-store"
    assert "You may watch it until the time is over" in answer.text
    listed = Page(answer.text)
    assert listed.one("a", href=f"{SERVER}/film") and "An evening, until 15 January 2027" in listed.text
    command = next(line for line in listed.text.splitlines() if line.startswith("./ringcast"))
    words = shlex.split(command)
    assert words[:4] == ["./ringcast", "stream", "play", f"{SERVER}/film"] and words[4:7] == [
        "--user",
        "ann",
        "--token",
    ]
    tokens = TransactionServer(shop.stall).tokens
    assert tokens.check(key_text.parse_token(words[7])[0], "film", "ann", NOW).expires_ms == NOW + 6 * HOUR_MS
    assert ann.send(f"/streams/{number}", fields).status_code == 303
    assert "nothing was charged" in ann.look("/account/streams").text and shop.stall.balance(1) == 40
    assert "Streamed: film" in Page(ann.look("/account/transactions").text).text
    shop.now_ms += 6 * HOUR_MS
    assert "Nothing at this time" in ann.look("/account/streams").text


def test_a_free_title_is_taken_and_an_open_one_needs_no_token(shop, ann):
    number, day = put_stream(shop.stall, "news", FREE)
    (open_to_all,) = put_stream(shop.stall, "open")
    listed = Page(ann.look("/streams").text).text
    assert "Free" in listed and "Open to everybody" in listed
    assert "Take it" in ann.look(f"/streams/{number}").text
    assert ann.send(f"/streams/{number}", {"limit": day, "price": "0"}).status_code == 303
    page = Page(ann.look(f"/streams/{open_to_all}").text)
    assert page.one("a", href=f"{SERVER}/open") and page.all("form") == []
    assert shop.stall.balance(1) == 100 and len(shop.stall.transactions(1)) == 1


@pytest.mark.parametrize(
    ("path", "fields", "status", "says"),
    [
        ("/streams/1", {"limit": "1", "price": "29"}, 409, "The price has changed"),
        ("/streams/1", {"limit": "2", "price": "800"}, 402, "Redeem a card"),
        ("/streams/1", {"limit": "9", "price": "30"}, 404, "Choose another one"),
        ("/streams/9", {"limit": "1", "price": "30"}, 404, "Look at those that there are"),
        ("/streams/1", {"limit": "x", "price": "30"}, 400, "Open its page again"),
        ("/streams/1", {}, 400, "Open its page again"),
        ("/streams/x", {"limit": "1", "price": "30"}, 422, "catalogue"),
    ],
)
def test_what_cannot_be_done_is_said_on_the_page_and_changes_nothing(shop, ann, path, fields, status, says):
    put_stream(shop.stall, "film", EVENING, Terms("A year", 366 * 86_400, 800))
    answer = ann.send(path, fields)
    assert answer.status_code == status and says in Page(answer.text).text
    assert shop.stall.balance(1) == 100 and "Nothing at this time" in ann.look("/account/streams").text


@pytest.mark.parametrize("origin", [None, "null", "https://evil.test", "http://shop.test"])
def test_a_form_of_another_site_buys_nothing(shop, ann, origin):
    number, evening = put_stream(shop.stall, "film", EVENING)
    answer = ann.send(f"/streams/{number}", {"limit": evening, "price": "30"}, origin=origin)
    assert answer.status_code == 403 and shop.stall.balance(1) == 100
    assert "Nothing at this time" in ann.look("/account/streams").text


def test_tokens_are_shown_to_who_has_signed_in_alone(shop):
    number, day = put_stream(shop.stall, "news", FREE)
    assert Passer(shop).look("/account/streams").headers["location"] == "/sign-in?to=/account/streams"
    answer = Passer(shop).send(f"/streams/{number}", {"limit": day, "price": "0"})
    assert answer.headers["location"] == f"/sign-in?to=/streams/{number}"


def test_names_of_titles_limits_and_users_are_text_and_nothing_else(shop):
    number, day = put_stream(shop.stall, "film", Terms(EVIL[:60], 60, 0), label=EVIL)
    ann = Passer(shop)
    ann.register("$(id)'\"<b>")
    ann.send(f"/streams/{number}", {"limit": day, "price": "0"})
    for path in ("/streams", f"/streams/{number}", "/account/streams"):
        page = Page(ann.look(path).text)
        assert page.all("script") == page.all("img") == page.all("b") == []
        assert ann.look(path).headers["content-security-policy"] == pages.POLICY
    assert EVIL in page.text
    command = next(line for line in page.text.splitlines() if line.startswith("./ringcast"))
    assert shlex.split(command)[5] == "$(id)'\"<b>"  # what a shell makes of it


def test_streams_are_leafed_through_in_pages(shop):
    for at in range(51):
        put_stream(shop.stall, f"film{at}", FREE, label=f"Film no. {at}")
    passer = Passer(shop)
    following = Page(passer.look("/streams").text).one("a", rel="next")["href"]
    last = Page(passer.look(following).text)
    assert "Film no. 50" in last.text and "Film no. 49" not in last.text
    assert "First page" in last.text


def test_a_time_limit_is_said_in_whole_days_hours_minutes_or_seconds():
    said = [length(seconds) for seconds in (86_400, 172_800, 129_600, 3600, 5400, 61, 1)]
    assert said == ["1 day", "2 days", "36 hours", "1 hour", "90 minutes", "61 seconds", "1 second"]
