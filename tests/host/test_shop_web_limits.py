"""Whatever comes over HTTP is answered by a Problem of the 400s, and nothing secret is repeated."""

import asyncio
import json
import logging
from typing import Annotated

import pytest
from headend.accounts.errors import LedgerError
from headend.http.bodies import Bodies
from headend.shop.web import app as web

from tests.helpers.shop import PASSWORD
from tests.helpers.shop_web import OCTETS, Counter, code_of

JSON = {"content-type": "application/json"}


@pytest.fixture
def shop(tmp_path):
    with Counter("sqlite://", tmp_path / "shelf") as made:
        yield made


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        '{"login":"ann"}',
        '{"login":"ann","password":null}',
        '{"login":"ann","password":"correct horse","more":1}',
        '{"login":"\\ud800","password":"correct horse"}',
        '{"login":"a\\u0000","password":"correct horse"}',
        '{"login":"a b","password":"correct horse"}',
        '{"login":"ann","password":"\\udfffcorrect horse"}',
        '{"login":"ann","password":"\\u0000"}',
        '{"\\ud800":1}',
        '{"login":%s}' % ("9" * 5000),
        "[" * 60_000,
        '{"login":' * 6000,
        "\xff\xfe",
    ],
)
@pytest.mark.parametrize("path", ["/api/accounts", "/api/sessions"])
def test_a_body_that_is_none_is_refused_and_not_repeated(shop, path, text):
    answer = shop.nobody.post(path, content=text.encode("latin-1"), headers=JSON)
    assert 400 <= answer.status_code < 500
    code_of(answer, answer.status_code)
    assert PASSWORD not in answer.text


@pytest.mark.parametrize("number", [0, -1, 1 << 31, 1 << 63, 1 << 64, 10**400, 1.5, True, "5", None, float("nan")])
def test_numbers_that_do_not_fit_are_refused(shop, number):
    ann = shop.visitor()
    body = json.dumps({"units": number})
    assert code_of(ann.post("/api/account/orders", content=body, headers=JSON), 422) == "malformed"


@pytest.mark.parametrize("number", ["0", "-1", str(1 << 31), "9" * 5000, "1.5", "x", "%00", "%ff"])
@pytest.mark.parametrize("path", ["/api/titles/{}", "/api/titles/{}/sample", "/api/account/titles/{}/copy"])
def test_titles_that_have_no_number_are_refused(shop, path, number):
    assert code_of(shop.visitor().get(path.format(number)), 422) == "malformed"


@pytest.mark.parametrize("query", ["after=-1", "after=x", f"after={1 << 64}", "word=x", "words=%00", "taste=%00"])
def test_queries_that_mean_nothing_are_refused(shop, query):
    assert code_of(shop.nobody.get(f"/api/titles?{query}"), 422) == "malformed"
    assert shop.nobody.get("/api/titles?words=%ff%ed%a0%80&taste=%f0").json()["titles"] == []


@pytest.mark.parametrize("client", ["", "00", "g" * 16, "0" * 17, "00112233445566ff%0a"])
def test_clients_that_have_no_id_are_refused(shop, client):
    answer = shop.visitor().delete(f"/api/account/clients/{client}")
    assert answer.status_code in (404, 405, 422)
    code_of(answer, answer.status_code)


def test_a_card_that_is_no_number_is_refused(shop):
    ann = shop.visitor()
    for number in ("", "\0" * 16, "１" * 16, "1" * 64, "x" * 16):
        assert code_of(ann.post("/api/account/cards", json={"number": number}), 422) == "card-mistyped"
    assert code_of(ann.post("/api/account/cards", json={"number": "1" * 65}), 422) == "malformed"


def test_a_notice_of_another_length_or_kind_is_refused(shop):
    for size in (0, 1, 104, 106, 60_000):
        answer = shop.nobody.post("/api/notices", content=bytes(size), headers={"content-type": OCTETS})
        assert code_of(answer, 422) == "malformed"
    assert code_of(shop.nobody.post("/api/notices", content=b"{}" + b" " * 103, headers=JSON), 422) == "malformed"


def test_what_is_not_there_is_a_problem_too(shop):
    assert code_of(shop.nobody.get("/api/nothing"), 404) == "not-found"
    answer = shop.nobody.put("/api/account")
    assert (code_of(answer, 405), answer.headers["allow"]) == ("not-allowed", "GET")


def test_a_body_that_is_too_long_is_refused_however_it_comes(shop):
    long = b"x" * (web.BODY_LIMIT + 1)
    assert code_of(shop.nobody.post("/api/sessions", content=long, headers=JSON), 413) == "too-large"

    async def pieces():
        for at in range(0, len(long), 1000):
            yield long[at : at + 1000]

    assert code_of(shop.nobody.post("/api/sessions", content=pieces(), headers=JSON), 413) == "too-large"
    lied = {**JSON, "content-length": "9" * 30}
    assert code_of(shop.nobody.post("/api/sessions", content=b"{}", headers=lied), 413) == "too-large"


def test_a_body_that_does_not_come_is_not_waited_for():
    said = []

    async def never():
        await asyncio.sleep(3600)

    async def send(message):
        said.append(message)

    async def app(*_):
        raise AssertionError("nothing came")

    scope = {"type": "http", "method": "POST", "headers": []}
    asyncio.run(Bodies(app, limit=10, within_s=0.001)(scope, never, send))
    assert said[0]["status"] == 408 and (b"connection", b"close") in said[0]["headers"]


def test_a_database_that_fails_is_said_with_503_and_charges_nothing(shop, monkeypatch):
    ann, title = shop.visitor(units=100), shop.stall.title()
    monkeypatch.setattr(shop.stall, "buy", failing(LedgerError("the disk is full")))
    answer = ann.put(f"/api/account/titles/{title}", json={"price": 30})
    assert (code_of(answer, 503), answer.headers["retry-after"]) == ("unavailable", "5")
    assert "disk" not in answer.text
    assert ann.get("/api/account").json()["balance"] == 100


def test_a_fault_of_the_services_own_is_told_without_values(shop, monkeypatch, caplog):
    ann = shop.visitor()
    monkeypatch.setattr(shop.stall, "balance", failing(ValueError("key 00112233")))
    with caplog.at_level(logging.ERROR, "ringcast.shop"):
        answer = ann.get("/api/account")
    assert code_of(answer, 500) == "broken"
    assert "ValueError at " in caplog.text and "00112233" not in caplog.text + answer.text


def failing(error):
    def fail(*_):
        raise error

    return fail


def test_no_users_token_and_no_card_is_in_any_path(shop):
    described = shop.nobody.get("/openapi.json").json()
    named = {
        parameter["name"]
        for place, path in described["paths"].items()
        if not place.startswith("/copies/")  # whose token gives octets that it does not open
        for operation in path.values()
        for parameter in operation.get("parameters", [])
    }
    assert named == {"title", "taste", "offer", "stream", "client", "digest", "words", "after"}


def test_another_router_may_be_put_beside_it(shop):
    from fastapi import APIRouter, Depends
    from headend.shop.web.desk import Desk, desk_of

    beside = APIRouter()

    @beside.get("/beside")
    def front(desk: Annotated[Desk, Depends(desk_of)]):
        return {"now_ms": desk.now_ms()}

    shop.app.include_router(beside)
    assert shop.nobody.get("/beside").json() == {"now_ms": shop.now_ms}
