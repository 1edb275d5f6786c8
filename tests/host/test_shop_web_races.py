"""Requests that want the same at the same instant: one gets it. tests/peers runs them on PostgreSQL too."""

import pytest
from headend.shop import refusals
from headend.shop.notice import Notice, sign

from tests.helpers.shop import NOW
from tests.helpers.shop_web import Counter


def outcome(answers):
    """Statuses, and codes of refusals."""
    return sorted((one.status_code, one.json().get("code", "")) for one in answers)


def check_last_units(counter):
    ann = counter.visitor(units=30)
    titles = [counter.stall.title(f"Song {number}", 30) for number in range(4)]
    answers = counter.race(*((ann, "PUT", f"/api/account/titles/{title}", {"price": 30}) for title in titles))
    assert outcome(answers) == [(200, ""), *[(402, refusals.NO_UNITS)] * 3]
    assert ann.get("/api/account").json()["balance"] == 0
    assert len(ann.get("/api/account/titles").json()["titles"]) == 1


def check_last_units_rent_one(counter):
    ann = counter.visitor(units=5)
    titles = [counter.stall.title(f"Song {number}", 30) for number in range(3)]
    paths = [f"/api/account/titles/{title}/offers/{counter.stall.rental(title)}" for title in titles]
    answers = counter.race(*((ann, "PUT", path, {"price": 5}) for path in paths))
    assert outcome(answers) == [(200, ""), *[(402, refusals.NO_UNITS)] * 2]
    assert ann.get("/api/account").json()["balance"] == 0
    assert len(ann.get("/api/account/titles").json()["titles"]) == 1


def check_one_card(counter):
    both = [counter.visitor("ann"), counter.visitor("bob")]
    number = counter.stall.new_card(50, NOW)
    answers = counter.race(*((who, "POST", "/api/account/cards", {"number": number}) for who in (*both, both[0])))
    good = [one for one in outcome(answers) if one == (200, "")]  # one of them asks twice
    assert len(good) in (1, 2) and outcome(answers) == good + [(409, refusals.CARD_USED)] * (3 - len(good))
    assert sorted(who.get("/api/account").json()["balance"] for who in both) == [0, 50]


def check_one_notice(counter):
    ann, till = counter.visitor(), counter.stall.seller()
    order = bytes.fromhex(ann.post("/api/account/orders", json={"units": 500}).json()["order"])
    good = till.sell(order, 500, NOW)
    forged = sign(Notice(till._seller_id, order, 500, NOW), bytes(32))
    later = sign(Notice(till._seller_id, order, 500, NOW + 1), till._seed)
    answers = counter.race(*((counter.nobody, "POST", "/api/notices", one) for one in (good, good, forged, later)))
    assert sum(one.status_code == 200 and one.json()["new"] for one in answers) == 1
    assert (400, refusals.BAD_NOTICE) in outcome(answers)
    assert ann.get("/api/account").json()["balance"] == 500


def check_one_login(counter):
    body = {"login": "ann", "password": "correct horse"}
    answers = counter.race(*[(counter.nobody, "POST", "/api/accounts", body)] * 4)
    assert outcome(answers) == [(201, ""), *[(409, refusals.LOGIN_TAKEN)] * 3]


CHECKS = [check_last_units, check_last_units_rent_one, check_one_card, check_one_notice, check_one_login]


@pytest.mark.parametrize("check", CHECKS)
def test_of_several_requests_one_gets_it(check, tmp_path):
    with Counter(str(tmp_path / "shop.db"), tmp_path / "shelf") as counter:
        check(counter)
        assert counter.stall.audit() == []
