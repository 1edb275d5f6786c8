"""Several processes at one shop: of two that want the same, one gets it; a kill leaves the books right.

tests/peers/test_shop_postgresql.py runs the checks on PostgreSQL too.
"""

import pytest
from headend.shop import refusals
from headend.shop.notice import Notice, sign
from settop.errors import LocalError

from tests.helpers.shop import DAY_MS, NOW, PASSWORD, Stall
from tests.helpers.shop_races import dies_in, do_business, done, race, refusals_of


@pytest.fixture
def url(tmp_path):
    return str(tmp_path / "shop.db")


def check_last_units(url):
    stall = Stall(url)
    user, titles = stall.user(30), [stall.title(f"Song {n}", 30) for n in range(4)]
    found = race(url, *(("buy", user, title, NOW) for title in titles))
    assert len(done(found)) == 1
    assert refusals_of(found) == [refusals.NO_UNITS] * 3
    assert (stall.balance(user), len(stall.restore(user)), stall.audit()) == (0, 1, [])


def check_one_title_bought_twice(url):
    stall = Stall(url)
    user, title = stall.user(100), stall.title(price=30)
    found = done(race(url, *[("buy", user, title, NOW)] * 4))
    assert sorted(is_new for _, is_new in found) == [False, False, False, True]
    assert len({bought.key for bought, _ in found}) == 1
    assert (stall.balance(user), stall.audit()) == (70, [])
    found = race(url, *[("refund", user, title, NOW)] * 3)
    assert (done(found), refusals_of(found)) == ([30], [refusals.NO_RIGHT] * 2)
    assert (stall.balance(user), stall.audit()) == (100, [])


def check_one_card(url):
    stall = Stall(url)
    users, client, number = [stall.user(), stall.user()], stall.register_client(NOW).client_id, stall.new_card(50, NOW)
    found = race(
        url, *(("redeem", number, NOW, user) for user in (*users, users[0])), ("redeem_on", client, number, NOW)
    )
    # One of the users asks twice, and is told so twice where it is his.
    assert done(found) in ([50], [50, 50])
    assert refusals_of(found) == [refusals.CARD_USED] * (4 - len(done(found)))
    user = stall.register_user("late", PASSWORD, NOW, client)
    assert sorted(map(stall.balance, (*users, user))) == [0, 0, 50]
    assert stall.audit() == []


def check_card_claimed_while_somebody_signs_in(url):
    stall = Stall(url)
    client, number = stall.register_client(NOW).client_id, stall.new_card(50, NOW)
    user = stall.user(login="Ann")
    found = race(url, ("sign_in", "Ann", PASSWORD, NOW, client), ("redeem_on", client, number, NOW))
    assert refusals_of(found) == []
    assert (stall.balance(user), stall.audit()) == (50, [])


def check_one_notice(url):
    stall = Stall(url)
    user, till = stall.user(), stall.seller()
    order = stall.order_units(user, 500, NOW)
    notice = till.sell(order, 500, NOW)
    later = sign(Notice(till._seller_id, order, 500, NOW + 1), till._seed)
    forged = sign(Notice(till._seller_id, order, 500, NOW), bytes(32))
    found = race(url, *(("accept_notice", one, NOW) for one in (notice, notice, later, forged)))
    assert sum(is_new for _, is_new in done(found)) == 1
    assert refusals.BAD_NOTICE in refusals_of(found)
    assert (stall.balance(user), stall.audit()) == (500, [])


def check_one_login(url):
    found = race(url, *[("register_user", "Ann", PASSWORD, NOW)] * 3)
    assert len(done(found)) == 1 and refusals_of(found) == [refusals.LOGIN_TAKEN] * 2


def check_first_members_of_a_group(url):
    stall = Stall(url)
    jazz = stall.group("Jazz", 5)
    title = stall.title(group=jazz)
    users = [stall.user(100) for _ in range(3)]
    assert sorted(done(race(url, *[("join", users[0], jazz, NOW)] * 3))) == [False, False, True]
    for user in users[1:]:
        stall.join(user, jazz, NOW)
    assert len({bought.key for bought, _ in done(race(url, *(("buy", user, title, NOW) for user in users)))}) == 1
    assert [stall.balance(user) for user in users] == [65] * 3


def check_a_shop_that_dies_between_debit_and_delivery(url):
    """At each statement of a purchase, also for a time, of a subscription, of a card and of a notice: who asks again
    has it, and has paid once.
    """
    stall = Stall(url)
    till = stall.seller()
    jazz, title = stall.group("Jazz", 5), stall.title(price=30)
    offer = stall.rental(title)
    counts = {}
    for what in ("buy", "rent", "join", "redeem", "accept_notice"):
        method = "buy" if what == "rent" else what
        place = 0
        found = []
        while True:
            place += 1
            user = stall.user(100)
            arguments = {
                "buy": lambda user: (user, title, NOW),
                "rent": lambda user: (user, title, NOW, 5, offer),
                "join": lambda user: (user, jazz, NOW),
                "redeem": lambda user: (stall.new_card(50, NOW), NOW, user),
                "accept_notice": lambda user: (till.sell(stall.order_units(user, 50, NOW), 50, NOW), NOW),
            }[what](user)
            stall.engine.dispose()
            killed = dies_in(url, place, method, *arguments)
            assert stall.audit() == [], (what, place)
            paid = stall.balance(user) - 100
            done = {"buy": -30, "rent": -5, "join": -5, "redeem": 50, "accept_notice": 50}[what]
            assert paid in (0, done), (what, place)
            if not killed:
                break
            found.append(paid)
            getattr(stall, method)(*arguments)
            assert stall.balance(user) == 100 + done, (what, place)
            assert stall.audit() == [], (what, place)
            kinds = [one.kind for one in stall.transactions(user)]
            assert len(kinds) == 2, (what, place)  # the card of the 100 units, and this
            if method == "buy":
                assert len(stall.restore(user)) == 1
        assert found == sorted(found, key=abs) and {*found} == {0, done}, what
        counts[what] = len(found)
    print(", ".join(f"{count} processes killed in {what}" for what, count in counts.items()))


def check_last_unit_rents_one(url):
    """Of two titles that are rented at once by who has the units for one, and of one offer that is taken twice."""
    stall = Stall(url)
    user, titles = stall.user(5), [stall.title(f"Song {n}") for n in range(2)]
    found = race(url, *(("buy", user, title, NOW, 5, stall.rental(title)) for title in titles))
    assert len(done(found)) == 1 and refusals_of(found) == [refusals.NO_UNITS]
    assert (stall.balance(user), len(stall.restore(user)), stall.audit()) == (0, 1, [])
    user = stall.user(100)
    found = done(race(url, *[("buy", user, titles[0], NOW, 5, stall.rental(titles[0]))] * 2))
    assert sorted(is_new for _, is_new in found) == [False, True] and found[0][0] == found[1][0]
    assert (stall.balance(user), stall.audit()) == (95, [])


def check_a_right_that_has_ended_makes_room_for_one(url):
    """Whether it is rented anew or bought for good, of two at once."""
    stall = Stall(url)
    user, title = stall.user(100), stall.title(price=30)
    offer = stall.rental(title)
    stall.deliver(stall.buy(user, title, NOW, 5, offer)[0], NOW)
    later = NOW + DAY_MS
    found = race(url, ("buy", user, title, later, 5, offer), ("buy", user, title, later, 5, offer))
    assert sorted(is_new for _, is_new in done(found)) == [False, True]
    assert (stall.balance(user), len(stall.restore(user)), stall.audit()) == (90, 1, [])


def check_one_of_two_clients_gets_a_right_first(url):
    """Its hours run from its own first play on; what the other one gets ends by the clock."""
    stall = Stall(url)
    user, title = stall.user(100), stall.title()
    bought, _ = stall.buy(user, title, NOW, 5, stall.rental(title))
    told = [one.term for one in done(race(url, *[("deliver", bought, NOW)] * 2))]
    assert sorted(one.ends_ms for one in told) == [0, NOW + DAY_MS]


CHECKS = [
    check_a_shop_that_dies_between_debit_and_delivery,
    check_last_units,
    check_one_title_bought_twice,
    check_one_card,
    check_card_claimed_while_somebody_signs_in,
    check_one_notice,
    check_one_login,
    check_first_members_of_a_group,
    check_last_unit_rents_one,
    check_a_right_that_has_ended_makes_room_for_one,
    check_one_of_two_clients_gets_a_right_first,
]


@pytest.mark.parametrize("check", CHECKS)
def test_of_several_processes_one_gets_it(check, url):
    check(url)


def test_books_are_right_after_1000_operations_and_10_kills(url):
    assert do_business(Stall(url), url, rounds=10) == 1000


@pytest.mark.soak
def test_books_are_right_after_10000_operations_and_100_kills(url):
    assert do_business(Stall(url), url, rounds=100, seed=2) == 10_000


def test_shop_goes_on_while_the_master_key_is_changed(tmp_path):
    from headend.accounts.engine import open_database
    from headend.accounts.master_key import create_master_key, load_master_key
    from headend.accounts.rotating import rotate_file
    from headend.shop.core import Shop

    from tests.helpers.shop import cheap_passwords

    path = tmp_path / "key"
    create_master_key(path)
    engine = open_database(str(tmp_path / "shop.db"))
    shop = Shop(engine, load_master_key(path), cheap_passwords())
    client, card = shop.register_client(NOW), shop.new_card(50, NOW)
    done = rotate_file(engine, path)
    assert (done.version, done.sealed_anew) == (2, 2)
    assert shop.client_keys(client.client_id) == [client]
    late = shop.register_client(NOW)
    again = Shop(engine, load_master_key(path), cheap_passwords())
    assert again.client_keys(late.client_id) == [late]
    assert again.redeem(card, NOW, again.register_user("Ann", PASSWORD, NOW)) == 50
    assert again.audit() == []


def test_another_master_key_is_refused(url):
    from headend.accounts.engine import open_database
    from headend.accounts.master_key import MasterKey
    from headend.shop.core import Shop

    Stall(url)
    with pytest.raises(LocalError, match="does not open the database"):
        Shop(open_database(url), MasterKey(bytes(32)))
