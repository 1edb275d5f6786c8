"""How many accounts one address, or one terminal's client, gets in an hour."""

import pytest
from headend.shop import refusals, throttle

from tests.helpers.shop import NOW, PASSWORD, Stall
from tests.helpers.shop_web import Counter, code_of
from tests.helpers.shop_window import Passer


@pytest.fixture
def shop(tmp_path, monkeypatch):
    monkeypatch.setattr(throttle.count_asked, "__defaults__", (3,))
    with Counter("sqlite://", tmp_path / "shelf") as made:
        yield made


def asked(shop, login):
    return shop.nobody.post("/api/accounts", json={"login": login, "password": PASSWORD})


def test_so_many_accounts_are_made_from_one_address_in_an_hour_and_then_it_is_told_how_long_to_wait(shop):
    assert [asked(shop, f"user{number}").status_code for number in range(3)] == [201] * 3
    shop.now_ms += throttle.HOUR_MS // 2
    answer = asked(shop, "late")
    assert code_of(answer, 429) == refusals.SLOW_DOWN and answer.headers["retry-after"] == "1800"
    page = Passer(shop).send("/register", {"login": "late", "password": PASSWORD, "to": "/"})
    assert page.status_code == 429 and "too many tries" in page.text
    assert shop.nobody.post("/api/sessions", json={"login": "user1", "password": PASSWORD}).status_code == 201
    shop.now_ms += throttle.HOUR_MS // 2
    assert asked(shop, "late").status_code == 201


def test_logins_that_are_taken_count_and_impossible_ones_do_not(shop):
    assert [asked(shop, login).status_code for login in ("a b", "ann", "ann", "", "ann", "bob")] == [
        422, 201, 409, 422, 409, 429,
    ]  # fmt: skip


def test_addresses_and_clients_are_counted_apart(monkeypatch):
    monkeypatch.setattr(throttle.count_asked, "__defaults__", (1,))
    stall = Stall("sqlite://")

    def register(**where):
        stall.count += 1
        return stall.register_user(f"user{stall.count}", PASSWORD, NOW, **where)

    client, other = (stall.register_client(NOW).client_id for _ in range(2))
    places = (
        {"address": "192.0.2.1"}, {"address": "192.0.2.2"}, {"address": "2001:db8::1"}, {"address": "2001:db8:0:1::1"},
        {"client_id": client}, {"client_id": other}, {"address": ""}, {},
    )  # fmt: skip
    for where in places:
        register(**where)
    for where in (*places[:6], {"address": "::ffff:192.0.2.1"}, {"address": "2001:db8::ffff"}):
        with pytest.raises(refusals.Refused) as caught:
            register(**where)
        assert (caught.value.code, caught.value.wait_ms) == (refusals.SLOW_DOWN, throttle.HOUR_MS)
    assert stall.audit() == []
