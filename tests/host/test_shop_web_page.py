"""docs/protocols/shop-http.md against what the service says of itself."""

import re
from pathlib import Path

import pytest
from headend.http import problems, serving
from headend.shop import sessions
from headend.shop.refusals import REFUSALS
from headend.shop.web import app as web
from headend.shop.web import desk

from tests.helpers.shop_web import Counter

PAGE = (Path(__file__).parents[2] / "docs/protocols/shop-http.md").read_text(encoding="utf-8")


@pytest.fixture
def described(tmp_path):
    with Counter("sqlite://", tmp_path / "shelf") as shop:
        return shop.nobody.get("/openapi.json").json()


def operations(described):
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_page_has_the_endpoints_and_who_may_ask(described):
    rows = dict(re.findall(r"^\| `([A-Z]+ /[^`]+)` \| (\w+) \|", PAGE, re.M))
    found = {}
    for label, operation in operations(described):
        security = operation.get("security", [])
        found[label] = "user" if security and {} not in security else "anybody"
    found["POST /api/notices"] = "sellers"  # who sign
    found["POST /channel"] = "terminals"  # who have a key
    assert rows == found


def test_page_has_the_general_refusals_and_no_code_means_two_things():
    rows = re.findall(r"^\| `([a-z-]+)` \| (\d{3}) \| (.+) \|$", PAGE, re.M)
    assert {code: (int(status), text) for code, status, text in rows} == problems.GENERAL
    assert not problems.GENERAL.keys() & REFUSALS.keys()


def test_page_has_the_limits():
    for text in (
        f"{web.BODY_LIMIT:,} octets and {web.BODY_WITHIN_S:.0f} s",
        f"head {serving.HEAD_LIMIT // 1024} KiB and {serving.HEAD_WITHIN_S:.0f} s",
        f"{serving.KEPT_S} s of silence",
        f"{serving.CONNECTIONS_LIMIT} connections",
        f"for {sessions.VALID_MS // 86_400_000} days",
        f"{sessions.SESSIONS_LIMIT} sessions",
    ):
        assert text in PAGE, text
    assert desk.PASSWORDS_AT_ONCE == 2 and "Two passwords" in PAGE


def test_every_refusal_is_described_as_a_problem(described):
    for label, operation in operations(described):
        assert operation["description"], label
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                assert list(answer["content"]) == [problems.MEDIA_TYPE], (label, status)
    assert set(described["components"]["schemas"]["Problem"]["required"]) == {"type", "title", "status", "code"}
