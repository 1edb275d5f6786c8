"""The shop by HTTP: what each endpoint does. tests/peers/test_shop_postgresql.py runs them on PostgreSQL too."""

import pytest
from headend.shop import refusals, sessions, throttle
from headend.shop.notice import Notice, sign
from headend.titles.keys import Keys
from headend.titles.opening import unpack
from settop.wire import licence as licence_wire

from tests.helpers import shop as helper
from tests.helpers.shop import NOW, PASSWORD
from tests.helpers.shop_web import OCTETS, Counter, code_of
from tests.helpers.tunes import stored


@pytest.fixture
def shop(tmp_path):
    with Counter(helper.new_database(), tmp_path / "shelf") as made:
        yield made
        assert made.stall.audit() == []


# --- accounts -----------------------------------------------------------------------------------------------------


def test_who_registers_is_signed_in_and_signs_in_again(shop):
    ann = shop.visitor("Ann")
    again = shop.nobody.post("/api/sessions", json={"login": "ANN", "password": PASSWORD})
    assert again.status_code == 201 and again.json()["until_ms"] == NOW + sessions.VALID_MS
    for token in (ann.token, again.json()["token"]):
        found = shop.nobody.as_somebody(token).get("/api/account")
        assert found.json() == {"user": 1, "login": "ann", "balance": 0}
        assert found.headers["cache-control"] == "no-store"
    refused = shop.nobody.post("/api/accounts", json={"login": "Ann", "password": PASSWORD})
    assert code_of(refused, 409) == refusals.LOGIN_TAKEN


def test_a_session_ends_when_it_is_told_to_and_by_itself(shop):
    ann = shop.visitor()
    other = shop.nobody.post("/api/sessions", json={"login": "ann", "password": PASSWORD}).json()["token"]
    assert ann.delete("/api/sessions/current").status_code == 204
    assert code_of(ann.get("/api/account"), 401) == refusals.NO_SESSION
    assert shop.nobody.as_somebody(other).get("/api/account").status_code == 200
    shop.now_ms += sessions.VALID_MS
    assert code_of(shop.nobody.as_somebody(other).get("/api/account"), 401) == refusals.NO_SESSION


def test_a_user_has_so_many_sessions_and_a_further_one_ends_the_oldest(shop):
    first = shop.visitor()
    for _ in range(sessions.SESSIONS_LIMIT - 1):
        shop.now_ms += 1
        last = shop.nobody.as_somebody(shop.stall.begin_session(1, shop.now_ms))
    assert first.get("/api/account").status_code == 200
    shop.now_ms += 1
    shop.stall.begin_session(1, shop.now_ms)
    assert code_of(first.get("/api/account"), 401) == refusals.NO_SESSION
    assert last.get("/api/account").status_code == 200


def test_the_database_has_no_token(shop):
    from headend.accounts.engine import transaction
    from sqlalchemy import text

    token = shop.visitor().token
    with transaction(shop.stall.engine) as connection:
        (kept,) = connection.execute(text("SELECT token FROM shop_sessions")).scalars()
    assert bytes(kept) == sessions.digest(token) and token.encode() not in bytes(kept)


def test_unknown_login_and_wrong_password_are_one_answer_and_are_slowed_down(shop):
    shop.visitor("ann")
    told = []
    for who in ("ann", "bob"):
        for _ in range(throttle.FREE):
            told.append(shop.nobody.post("/api/sessions", json={"login": who, "password": "wrong password"}))
        slow = shop.nobody.post("/api/sessions", json={"login": who, "password": PASSWORD})
        assert (code_of(slow, 429), slow.headers["retry-after"]) == (refusals.SLOW_DOWN, "1")
    assert len({answer.text for answer in told}) == 1 and code_of(told[0], 401) == refusals.LOGIN
    shop.now_ms += 1000
    assert shop.nobody.post("/api/sessions", json={"login": "ann", "password": PASSWORD}).status_code == 201


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/account"),
        ("GET", "/api/account/transactions"),
        ("GET", "/api/account/clients"),
        ("GET", "/api/account/titles"),
        ("GET", "/api/account/titles/1/copy"),
        ("GET", "/api/account/titles/1/licences/0011223344556677"),
        ("DELETE", "/api/account/clients/0011223344556677"),
        ("DELETE", "/api/account/tastes/1"),
        ("PUT", "/api/account/tastes/1"),
        ("PUT", "/api/account/titles/1/offers/1"),
        ("DELETE", "/api/sessions/current"),
    ],
)
def test_what_is_a_users_nobody_else_gets(shop, method, path):
    for visitor in (shop.nobody, shop.nobody.as_somebody("x" * 43), shop.nobody.as_somebody("\xff")):
        answer = visitor.request(method, path)
        assert (code_of(answer, 401), answer.headers["www-authenticate"]) == (refusals.NO_SESSION, "Bearer")


def test_e7_a_card_is_credited_once_and_transactions_say_so(shop):
    ann, number = shop.visitor(), shop.stall.new_card(50, NOW)
    assert ann.post("/api/account/cards", json={"number": number}).json() == {"units": 50, "balance": 50}
    assert ann.post("/api/account/cards", json={"number": number}).json() == {"units": 50, "balance": 50}
    bob = shop.visitor("bob")
    assert code_of(bob.post("/api/account/cards", json={"number": number}), 409) == refusals.CARD_USED
    mistyped = number[:-1] + str((int(number[-1]) + 1) % 10)
    assert code_of(ann.post("/api/account/cards", json={"number": mistyped}), 422) == refusals.CARD_MISTYPED
    told = ann.get("/api/account/transactions").json()
    assert [(one["kind"], one["units"], one["at_ms"]) for one in told["transactions"]] == [("card", 50, NOW)]
    assert told["next"] is None
    assert ann.get("/api/account/transactions", params={"after": 1}).json()["transactions"] == []


def test_cards_are_not_guessed(shop):
    ann = shop.visitor()
    for _ in range(throttle.FREE):
        assert code_of(ann.post("/api/account/cards", json={"number": "0" * 16}), 404) == refusals.NO_CARD
    number = shop.stall.new_card(50, NOW)
    assert code_of(ann.post("/api/account/cards", json={"number": number}), 429) == refusals.SLOW_DOWN


def test_clients_are_listed_and_a_lost_one_is_removed(shop):
    ann, bob = shop.visitor("ann"), shop.visitor("bob")
    client = shop.client("ann").client_id
    assert ann.get("/api/account/clients").json() == {"clients": [client.hex()]}
    path = f"/api/account/clients/{client.hex()}"
    assert code_of(bob.delete(path), 404) == refusals.NOT_YOURS
    assert ann.delete(path).status_code == 204
    assert code_of(ann.delete(path), 404) == refusals.NOT_YOURS
    assert shop.stall.client_keys(client) == []


# --- units of a seller (E8) ---------------------------------------------------------------------------------------


def test_e8_a_notice_credits_its_order_once(shop):
    ann, till = shop.visitor(), shop.stall.seller()
    made = ann.post("/api/account/orders", json={"units": 500})
    assert made.status_code == 201
    order = bytes.fromhex(made.json()["order"])
    octets = {"headers": {"content-type": OCTETS}}
    notice = till.sell(order, 500, NOW)
    forged = sign(Notice(1, order, 500, NOW), bytes(32))
    assert code_of(shop.nobody.post("/api/notices", content=forged, **octets), 400) == refusals.BAD_NOTICE
    assert shop.nobody.post("/api/notices", content=notice, **octets).json() == {"transaction": 1, "new": True}
    assert shop.nobody.post("/api/notices", content=notice, **octets).json() == {"transaction": 1, "new": False}
    later = sign(Notice(1, order, 500, NOW + 1), till._seed)
    assert code_of(shop.nobody.post("/api/notices", content=later, **octets), 409) == refusals.ORDER_PAID
    assert ann.get("/api/account").json()["balance"] == 500


# --- titles -------------------------------------------------------------------------------------------------------


def test_e5_catalogue_by_taste_by_words_and_with_extras(shop):
    jazz = shop.stall.group("Jazz", 5)
    shop.stall.title("Red", 10)
    shop.stall.title("Blue", 30, jazz, lyrics="so blue")
    ann = shop.visitor(units=100)
    assert [one["name"] for one in shop.nobody.get("/api/titles").json()["titles"]] == ["Red", "Blue"]
    assert ann.get("/api/tastes").json()["tastes"] == [{"taste": jazz, "name": "Jazz", "price": 5, "member": False}]
    assert code_of(ann.put(f"/api/account/tastes/{jazz}", json={"price": 4}), 409) == refusals.PRICE_CHANGED
    assert ann.put(f"/api/account/tastes/{jazz}", json={"price": 5}).json() == {"new": True, "balance": 95}
    assert ann.put(f"/api/account/tastes/{jazz}", json={"price": 5}).json() == {"new": False, "balance": 95}
    assert [one["name"] for one in ann.get("/api/titles").json()["titles"]] == ["Blue", "Red"]
    found = ann.get("/api/titles", params={"taste": "Jazz", "words": "so"}).json()
    blue = {
        "title": 2,
        "name": "Blue",
        "price": 30,
        "taste": "Jazz",
        "bought": False,
        "sold": True,
        "held": None,
        "offers": [],
        "extras": {"lyrics": "so blue"},
    }
    assert found == {"titles": [blue], "next": None}
    assert shop.nobody.get("/api/titles/2").json() == blue
    assert code_of(shop.nobody.get("/api/titles/3"), 404) == refusals.NO_TITLE
    assert code_of(ann.put("/api/account/tastes/9", json={"price": 5}), 404) == refusals.NO_GROUP
    assert ann.delete(f"/api/account/tastes/{jazz}").status_code == 204
    assert not ann.get("/api/tastes").json()["tastes"][0]["member"]


def test_the_catalogue_comes_in_pages(shop):
    for number in range(53):
        shop.stall.title(f"Song {number}")
    first = shop.nobody.get("/api/titles").json()
    assert (len(first["titles"]), first["next"]) == (50, 50)
    second = shop.nobody.get("/api/titles", params={"after": first["next"]}).json()
    assert (len(second["titles"]), second["next"]) == (3, None)


def test_a_withdrawn_title_is_seen_by_who_has_bought_it(shop):
    from headend.accounts.engine import transaction
    from headend.shop.catalogue import withdraw

    ann, title = shop.visitor(units=30), shop.stall.title()
    ann.put(f"/api/account/titles/{title}", json={"price": 30})
    with transaction(shop.stall.engine) as connection:
        withdraw(connection, title)
    assert code_of(shop.nobody.get(f"/api/titles/{title}"), 404) == refusals.NO_TITLE
    told = ann.get(f"/api/titles/{title}").json()
    assert told["bought"] and not told["sold"]


def test_e6_units_are_checked_before_anything_is_given(shop):
    ann, title = shop.visitor(units=20), shop.stall.title(price=30)
    path = f"/api/account/titles/{title}"
    assert code_of(ann.put(path, json={"price": 20}), 409) == refusals.PRICE_CHANGED
    assert code_of(ann.put(path, json={"price": 30}), 402) == refusals.NO_UNITS
    assert code_of(ann.get(f"{path}/copy"), 403) == refusals.NO_RIGHT
    assert ann.get("/api/account").json()["balance"] == 20
    assert code_of(ann.put("/api/account/titles/9", json={"price": 30}), 404) == refusals.NO_TITLE


def test_a_purchase_that_is_asked_for_again_costs_nothing(shop):
    ann, title = shop.visitor(units=100), shop.stall.title(price=30)
    first = ann.put(f"/api/account/titles/{title}", json={"price": 30}).json()
    again = ann.put(f"/api/account/titles/{title}", json={"price": 30}).json()
    assert (first.pop("new"), again.pop("new")) == (True, False)
    assert first == again and first["balance"] == 70


def opened(licences, client):
    """(key id, key) by what a client has."""
    from Crypto.Cipher import AES
    from Crypto.Hash import SHA256
    from Crypto.Protocol.KDF import HKDF

    info = licence_wire.info_of(client.client_id)
    kek = HKDF(client.key, licence_wire.KEK_BYTES, b"", SHA256, context=info)
    (mine,) = (one["licence"] for one in licences["sealed"] if one["key"] == client.number)
    blob = AES.new(kek, AES.MODE_KW).unseal(bytes.fromhex(mine))
    return blob[: licence_wire.KID_BYTES], blob[licence_wire.KID_BYTES :]


@pytest.mark.parametrize("order", ["copy first", "licence first"])
def test_e11_copy_and_licence_come_in_either_order_and_play(shop, tmp_path, order):
    ann, title = shop.visitor(units=100), shop.put()
    client = shop.client()
    path = f"/api/account/titles/{title}"
    bought = ann.put(path, json={"price": 30}).json()
    asked = [f"{path}/copy", f"{path}/licences/{client.client_id.hex()}"]
    answers = {one: ann.get(one) for one in (asked if order == "copy first" else asked[::-1])}
    kid, key = opened(answers[asked[1]].json(), client)
    assert kid.hex() == bought["kid"]
    assert key.hex() not in answers[asked[1]].text
    (tmp_path / "copy.mp4").write_bytes(answers[asked[0]].content)
    with (tmp_path / "clear.mp4").open("wb") as file:
        unpack(tmp_path / "copy.mp4", file, Keys({}, key))
    assert stored(tmp_path / "clear.mp4") == stored(next(shop.shelf.folder.glob("*.mp4")))


def test_a_licence_is_for_the_users_own_clients_under_each_of_their_keys(shop):
    ann, bob, title = shop.visitor("ann", 100), shop.visitor("bob"), shop.stall.title()
    client, his = shop.client("ann"), shop.client("bob")
    path = f"/api/account/titles/{title}"
    assert code_of(ann.get(f"{path}/licences/{client.client_id.hex()}"), 403) == refusals.NO_RIGHT
    ann.put(path, json={"price": 30})
    assert code_of(ann.get(f"{path}/licences/{his.client_id.hex()}"), 404) == refusals.NOT_YOURS
    assert code_of(bob.get(f"{path}/licences/{his.client_id.hex()}"), 403) == refusals.NO_RIGHT
    renewed = shop.stall.renew_client(client.client_id)
    told = ann.get(f"{path}/licences/{client.client_id.hex()}").json()
    assert [one["key"] for one in told["sealed"]] == [1, 2]
    assert opened(told, client) == opened(told, renewed)


def test_e17_a_wiped_client_gets_everything_again_without_a_debit(shop):
    ann = shop.visitor(units=100)
    titles = [shop.put(name=name) for name in ("Blue", "Red")]
    for title in titles:
        ann.put(f"/api/account/titles/{title}", json={"price": 30})
    before = [ann.get(f"/api/account/titles/{title}/copy").content for title in titles]
    shop.forget_copies()
    again = shop.nobody.post("/api/sessions", json={"login": "ann", "password": PASSWORD}).json()["token"]
    ann, client = shop.nobody.as_somebody(again), shop.client()
    owned = ann.get("/api/account/titles").json()["titles"]
    assert [one["name"] for one in owned] == ["Blue", "Red"]
    assert [ann.get(f"/api/account/titles/{one['title']}/copy").content for one in owned] == before
    for one in owned:
        told = ann.get(f"/api/account/titles/{one['title']}/licences/{client.client_id.hex()}").json()
        assert opened(told, client)[0].hex() == one["kid"]
    assert ann.get("/api/account").json()["balance"] == 40


def test_a_refund_by_the_operator_ends_copy_and_licence(shop):
    ann, title = shop.visitor(units=100), shop.put()
    client = shop.client()
    path = f"/api/account/titles/{title}"
    ann.put(path, json={"price": 30})
    assert ann.get(f"{path}/copy").status_code == 200
    shop.stall.refund(1, title, NOW)
    for rest in ("copy", f"licences/{client.client_id.hex()}"):
        assert code_of(ann.get(f"{path}/{rest}"), 403) == refusals.NO_RIGHT
    last = ann.get("/api/account/transactions").json()["transactions"][-1]
    assert (last["kind"], last["units"], last["reverses"]) == ("refund", 30, 2)
    assert ann.get("/api/account/titles").json() == {"titles": []}
