"""Several processes that sell streams: of two purchases for the last units one succeeds; a kill leaves the books right.

tests/peers/test_stream_postgresql.py runs the checks on PostgreSQL too.
"""

import pytest
from headend.shop import refusals

from tests.helpers.shop import NOW, PASSWORD, Stall, cheap_passwords
from tests.helpers.shop_races import dies_in, done, race, refusals_of
from tests.helpers.streams import EVENING, FREE, Kiosk, open_sales, put_stream


@pytest.fixture
def url(tmp_path):
    return str(tmp_path / "shop.db")


def check_last_units(url):
    kiosk = Kiosk(url)
    user, titles = kiosk.user(30), [kiosk.stream(f"film{at}", EVENING) for at in range(4)]
    found = race(url, *(("buy", user, *title, NOW, 30) for title in titles), opening=open_sales)
    assert len(done(found)) == 1 and refusals_of(found) == [refusals.NO_UNITS] * 3
    assert kiosk.sales.purchased(user, NOW) == [done(found)[0][0]]
    assert (kiosk.balance(user), kiosk.audit()) == (0, [])


def check_last_units_for_a_stream_or_a_title(url):
    kiosk = Kiosk(url)
    user, stream, title = kiosk.user(30), kiosk.stream("film", EVENING), kiosk.title(price=30)
    found = race(url, ("buy", user, *stream, NOW, 30), ("buy", user, *stream, NOW, 30), opening=open_sales)
    assert sorted(is_new for _, is_new in done(found)) == [False, True]
    found = race(url, ("buy", user, title, NOW))
    assert refusals_of(found) == [refusals.NO_UNITS]
    assert (kiosk.balance(user), kiosk.audit()) == (0, [])


def check_the_same_bought_by_several(url):
    kiosk = Kiosk(url)
    user = kiosk.user(100)
    for stream, left in ((kiosk.stream("film", EVENING), 70), (kiosk.stream("news", FREE), 70)):
        found = done(race(url, *[("buy", user, *stream, NOW)] * 4, opening=open_sales))
        assert sorted(is_new for _, is_new in found) == [False, False, False, True]
        assert len({ticket.token for ticket, _ in found}) == 1
        assert (kiosk.balance(user), kiosk.audit()) == (left, [])


def check_servers_that_are_the_first_have_one_key(url):
    stall = Stall(url)  # has sold no stream yet
    users, stream = [stall.user() for _ in range(3)], put_stream(stall, "news", FREE)
    found = done(race(url, *(("buy", user, *stream, NOW) for user in users), opening=open_sales))
    sales = open_sales(url)
    assert {ticket.token for ticket, _ in found} == {
        ticket.token for user in users for ticket in sales.purchased(user, NOW)
    }


def check_a_server_that_dies_between_debit_and_token(url):
    """At each statement: who asks again has it, and has paid once."""
    kiosk = Kiosk(url)
    stream = kiosk.stream("film", EVENING)
    place, found = 0, []
    while True:
        place += 1
        user = kiosk.user(100)
        kiosk.engine.dispose()
        killed = dies_in(url, place, "buy", user, *stream, NOW, 30, opening=open_sales)
        assert kiosk.audit() == [], place
        paid = 100 - kiosk.balance(user)
        assert (paid, len(kiosk.sales.purchased(user, NOW))) in ((0, 0), (30, 1)), place
        if not killed:
            break
        found.append(paid)
        kiosk.sales.buy(user, *stream, NOW, 30)
        assert (kiosk.balance(user), len(kiosk.sales.purchased(user, NOW)), kiosk.audit()) == (70, 1, []), place
    assert found == sorted(found) and {*found} == {0, 30}
    print(f"{len(found)} processes killed in a purchase")


CHECKS = [
    check_last_units,
    check_last_units_for_a_stream_or_a_title,
    check_the_same_bought_by_several,
    check_servers_that_are_the_first_have_one_key,
    check_a_server_that_dies_between_debit_and_token,
]


@pytest.mark.parametrize("check", CHECKS)
def test_of_several_processes_one_gets_it(check, url):
    check(url)


def test_tokens_stay_good_while_the_master_key_is_changed(tmp_path):
    from headend.accounts.engine import open_database
    from headend.accounts.master_key import create_master_key, load_master_key
    from headend.accounts.rotating import rotate_file
    from headend.shop.core import Shop
    from headend.stream.sales.core import TransactionServer

    path = tmp_path / "key"
    create_master_key(path)
    engine = open_database(str(tmp_path / "shop.db"))
    shop = Shop(engine, load_master_key(path), cheap_passwords())
    user, stream = shop.register_user("Ann", PASSWORD, NOW), put_stream(shop, "news", FREE)
    before, _ = TransactionServer(shop).buy(user, *stream, NOW)
    assert rotate_file(engine, path).sealed_anew == 3  # both parts of the token key, and the shop's own
    again = TransactionServer(Shop(engine, load_master_key(path), cheap_passwords()))
    assert again.purchased(user, NOW) == [before]
