"""The seller's process: what is paid for is written down, told to the shop, and told again until it answers."""

import logging

import httpx
import pytest
from anyio.from_thread import start_blocking_portal
from headend.shop.web.telling import Messenger
from headend.shop.web.till import REFUSED, TOLD, WAITING, Seller, create_till
from settop.errors import LocalError

from tests.helpers.shop_web import OCTETS, Counter, Visitor, code_of

TOKEN = "t" * 43


class Till:
    """A seller and its application beside a shop; `is_cut`: its notices do not arrive."""

    def __init__(self, counter):
        self.counter, self.is_cut, self.answers = counter, False, []
        self.seller = Seller(counter.stall.seller(), self.tell, lambda: counter.now_ms)
        self.app = create_till(self.seller, TOKEN)

    def tell(self, notice):
        if self.is_cut:
            return WAITING
        answer = self.counter.nobody.post("/api/notices", content=notice, headers={"content-type": OCTETS})
        self.answers.append(answer)
        return TOLD if answer.status_code == 200 else REFUSED


@pytest.fixture
def till(tmp_path):
    with Counter("sqlite://", tmp_path / "shelf") as counter:
        made = Till(counter)
        client = httpx.AsyncClient(transport=httpx.ASGITransport(made.app), base_url="https://till.test")
        with start_blocking_portal() as portal:

            async def call(method, path, more):
                return await client.request(method, path, **more)

            made.desk = Visitor(lambda method, path, **more: portal.call(call, method, path, more), TOKEN)
            yield made
        assert counter.stall.audit() == []


def order(visitor, units=500):
    return visitor.post("/api/account/orders", json={"units": units}).json()["order"]


def test_e8_what_is_paid_for_is_credited_once(till):
    ann = till.counter.visitor()
    sale = {"order": order(ann), "units": 500}
    for _ in range(2):
        answer = till.desk.post("/api/sales", json=sale)
        assert (answer.status_code, answer.json()) == (201, {**sale, "shop": TOLD})
    assert [one.json()["new"] for one in till.answers] == [True, False]
    assert ann.get("/api/account").json()["balance"] == 500


def test_a_shop_that_cannot_be_reached_hears_of_it_later(till):
    ann = till.counter.visitor()
    sale = {"order": order(ann), "units": 500}
    till.is_cut = True
    assert till.desk.post("/api/sales", json=sale).json()["shop"] == WAITING
    assert till.seller.tell_again() == 1
    till.is_cut = False
    assert till.seller.tell_again() == 0
    assert ann.get("/api/account").json()["balance"] == 500
    assert till.seller.tell_again() == 0 and len(till.answers) == 1


def test_the_cash_desk_alone_says_what_is_paid(till):
    sale = {"order": order(till.counter.visitor()), "units": 500}
    for token in (None, "", "x", TOKEN[:-1], TOKEN + "t", "\xff"):
        answer = till.desk.as_somebody(token).post("/api/sales", json=sale)
        assert code_of(answer, 401) == "no-session"
    assert till.seller.tell_again() == 0 and till.answers == []


def test_an_order_is_not_sold_for_two_amounts(till):
    sale = {"order": order(till.counter.visitor()), "units": 500}
    till.desk.post("/api/sales", json=sale)
    answer = till.desk.post("/api/sales", json={**sale, "units": 501})
    assert code_of(answer, 409) == "sold-already" and "500 units" in answer.json()["title"]


def test_an_order_that_the_shop_does_not_know_is_refused_for_good(till):
    assert till.desk.post("/api/sales", json={"order": "00" * 16, "units": 5}).json()["shop"] == REFUSED
    assert till.seller.tell_again() == 0


@pytest.mark.parametrize(
    "sale",
    [
        {},
        {"order": "00" * 16},
        {"order": "00", "units": 5},
        {"order": "00" * 16, "units": 0},
        {"order": "x", "units": 5},
    ],
)
def test_what_is_no_sale_is_refused(till, sale):
    assert code_of(till.desk.post("/api/sales", json=sale), 422) == "malformed"


@pytest.mark.parametrize(
    "url",
    [
        *("", "shop", "ftp://shop", "https://", "https://shop:x", "https://shop:99999", "https://me:secret@shop"),
        "https://[shop",
    ],
)
def test_what_is_no_url_of_a_shop_is_refused(url):
    with pytest.raises(LocalError, match="is no URL"):
        Messenger(url)


def test_an_authority_that_is_none_is_refused(tmp_path):
    (tmp_path / "noise.der").write_bytes(b"noise")
    with pytest.raises(LocalError, match="is no certificate"):
        Messenger("https://shop", tmp_path / "noise.der")


def test_a_shop_that_is_not_there_is_told_later(caplog):
    with caplog.at_level(logging.WARNING, "ringcast.till"):
        assert Messenger("http://127.0.0.1:1")(bytes(105)) == WAITING
    assert "not told yet" in caplog.text
