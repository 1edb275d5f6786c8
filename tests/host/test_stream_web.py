"""Streams by HTTP: what is offered, a token that is bought, and whom it is told to."""

import pytest
from headend.stream.sales.core import TransactionServer
from settop.media import key_text

from tests.helpers import shop as helper
from tests.helpers.shop import NOW
from tests.helpers.shop_web import Counter, code_of
from tests.helpers.streams import EVENING, FREE, HOUR_MS, SERVER, WEEK, put_stream


@pytest.fixture
def shop(tmp_path):
    with Counter(helper.new_database(), tmp_path / "shelf") as made:
        yield made
        assert made.stall.audit() == []


def test_anybody_sees_what_is_streamed_and_a_user_buys_a_token(shop):
    number, evening, week = put_stream(shop.stall, "film", EVENING, WEEK)
    offered = {
        "stream": number,
        "name": "film",
        "label": "The film",
        "uri": f"{SERVER}/film",
        "open": False,
        "limits": [
            {"limit": evening, "name": "An evening", "seconds": 21_600, "price": 30},
            {"limit": week, "name": "A week", "seconds": 604_800, "price": 80},
        ],
    }
    assert shop.nobody.get("/api/streams").json() == {"streams": [offered], "next": None}
    assert shop.nobody.get(f"/api/streams/{number}").json() == offered
    ann = shop.visitor(units=100)
    assert ann.get("/api/account/streams").json() == {"tokens": []}
    bought = ann.put(f"/api/account/streams/{number}", json={"limit": evening, "price": 30}).json()
    assert (bought["new"], bought["balance"], bought["user"], bought["uri"]) == (True, 70, "ann", f"{SERVER}/film")
    assert bought["expires_ms"] == NOW + 6 * HOUR_MS and "number" not in bought
    grant = TransactionServer(shop.stall).tokens.check(key_text.parse_token(bought["token"])[0], "film", "ann", NOW)
    assert grant.expires_ms == bought["expires_ms"]
    again = ann.put(f"/api/account/streams/{number}", json={"limit": evening, "price": 30}).json()
    assert again == bought | {"new": False}
    told = {name: value for name, value in bought.items() if name not in ("new", "balance")}
    assert ann.get("/api/account/streams").json() == {"tokens": [told]}
    booked = ann.get("/api/account/transactions").json()["transactions"][-1]
    assert (booked["kind"], booked["units"], booked["transaction"]) == ("stream", -30, bought["transaction"])
    shop.now_ms = bought["expires_ms"]
    assert ann.get("/api/account/streams").json() == {"tokens": []}


def test_a_free_title_is_no_transaction(shop):
    number, day = put_stream(shop.stall, "news", FREE)
    ann = shop.visitor()
    bought = ann.put(f"/api/account/streams/{number}", json={"limit": day, "price": 0}).json()
    assert (bought["new"], bought["balance"], bought["transaction"]) == (True, 0, None)
    assert ann.get("/api/account/transactions").json()["transactions"] == []


def test_a_token_is_told_to_its_user_alone(shop):
    number, day = put_stream(shop.stall, "news", FREE)
    ann, bob = shop.visitor("ann"), shop.visitor("bob")
    token = ann.put(f"/api/account/streams/{number}", json={"limit": day, "price": 0}).json()["token"]
    assert bob.get("/api/account/streams").json() == {"tokens": []}
    assert bob.put(f"/api/account/streams/{number}", json={"limit": day, "price": 0}).json()["token"] != token
    for who in (shop.nobody, shop.nobody.as_somebody("x" * 43)):
        assert code_of(who.get("/api/account/streams"), 401) == "no-session"
        body = {"limit": day, "price": 0}
        assert code_of(who.put(f"/api/account/streams/{number}", json=body), 401) == "no-session"


@pytest.mark.parametrize(
    ("stream", "body", "status", "code"),
    [
        (1, {"limit": 2, "price": 80}, 402, "no-units"),
        (1, {"limit": 1, "price": 29}, 409, "price-changed"),
        (1, {"limit": 3, "price": 30}, 404, "no-limit"),
        (2, {"limit": 1, "price": 30}, 404, "no-stream"),
        (1, {"limit": 1}, 422, "malformed"),
        (1, {"price": 30}, 422, "malformed"),
        (1, {"limit": "1", "price": 30}, 422, "malformed"),
        (1, {"limit": 1, "price": 30, "expires_ms": 1}, 422, "malformed"),
        (0, {"limit": 1, "price": 30}, 422, "malformed"),
    ],
)
def test_what_cannot_be_bought_is_a_problem_and_costs_nothing(shop, stream, body, status, code):
    put_stream(shop.stall, "film", EVENING, WEEK)
    ann = shop.visitor(units=50)
    assert code_of(ann.put(f"/api/account/streams/{stream}", json=body), status) == code
    assert ann.get("/api/account").json()["balance"] == 50
    assert ann.get("/api/account/streams").json() == {"tokens": []}
    if stream == 2:
        assert code_of(shop.nobody.get("/api/streams/2"), 404) == "no-stream"


def test_streams_come_page_by_page(shop):
    for at in range(51):
        put_stream(shop.stall, f"film{at}", FREE)
    first = shop.nobody.get("/api/streams").json()
    assert len(first["streams"]) == 50
    rest = shop.nobody.get(f"/api/streams?after={first['next']}").json()
    assert [one["name"] for one in rest["streams"]] == ["film50"] and rest["next"] is None
    assert shop.nobody.get("/api/streams?page=2").status_code == 422


def check_last_units(counter):
    titles = [put_stream(counter.stall, f"film{at}", EVENING) for at in range(4)]
    ann = counter.visitor(units=30)
    calls = [(ann, "PUT", f"/api/account/streams/{one}", {"limit": limit, "price": 30}) for one, limit in titles]
    assert sorted(answer.status_code for answer in counter.race(*calls)) == [200, 402, 402, 402]
    assert ann.get("/api/account").json()["balance"] == 0 and counter.stall.audit() == []


def test_of_several_requests_for_the_last_units_one_succeeds(tmp_path):
    with Counter(str(tmp_path / "shop.db"), tmp_path / "shelf") as counter:
        check_last_units(counter)
