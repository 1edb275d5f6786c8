"""The shop's core: each row of what it is for. tests/peers/test_shop_postgresql.py runs them on PostgreSQL too."""

from itertools import combinations

import pytest
from headend.accounts.engine import transaction
from headend.shop import catalogue, clients, orders, refusals, throttle
from headend.shop.notice import Notice, sign
from headend.shop.refusals import Refused
from settop.errors import LocalError
from sqlalchemy import text

from tests.helpers import shop as helper
from tests.helpers.shop import NOW, PASSWORD, Stall

HOUR_MS = 3_600_000


@pytest.fixture
def shop():
    made = Stall(helper.new_database())
    yield made
    assert made.audit() == []
    made.engine.dispose()


def refused(code, call, *arguments):
    with pytest.raises(Refused) as caught:
        call(*arguments)
    assert caught.value.code == code
    return caught.value


# --- clients (E1, E3), accounts (E4) ------------------------------------------------------------------------------


def test_e1_each_client_has_an_id_and_a_key_of_its_own(shop):
    made = [shop.register_client(NOW) for _ in range(20)]
    assert len({one.client_id for one in made}) == len({one.key for one in made}) == 20
    assert all((len(one.client_id), len(one.key)) == (8, 32) for one in made)
    assert [shop.client_keys(one.client_id) for one in made] == [[one] for one in made]
    assert "key=" not in repr(made[0])


def test_e1_keys_lie_sealed_in_the_database(shop):
    key = shop.register_client(NOW).key
    user = shop.user(30)
    bought, _ = shop.buy(user, shop.title(), NOW)
    with transaction(shop.engine) as connection:
        sealed = b"".join(bytes(row[0]) for row in connection.execute(text("SELECT sealed FROM sealed_secrets")))
    assert key not in sealed and bought.key not in sealed


def test_e3_key_is_due_after_its_period_and_the_renewed_one_ends_the_old(shop):
    first = shop.register_client(NOW)
    later = NOW + clients.RENEWAL_MS
    assert not shop.renewal_due(first.client_id, later - 1)
    assert shop.renewal_due(first.client_id, later)
    second = shop.renew_client(first.client_id)
    assert second.key != first.key
    assert shop.renew_client(first.client_id) == second  # the answer was lost
    assert shop.client_keys(first.client_id) == [first, second]
    assert shop.client_used(first, later)  # it has not arrived yet
    assert shop.client_used(second, later)
    assert shop.client_keys(first.client_id) == [second]
    assert not shop.client_used(first, later)
    assert not shop.renewal_due(first.client_id, later + clients.RENEWAL_MS - 1)
    assert shop.renewal_due(first.client_id, later + clients.RENEWAL_MS)
    third = shop.renew_client(first.client_id)
    assert not shop.client_used(first, later)  # nor while another one is under way
    assert shop.client_keys(first.client_id) == [second, third]


def test_a_key_that_never_left_is_refused(shop):
    first = shop.register_client(NOW)
    assert not shop.client_used(clients.ClientKey(first.client_id, 2, b""), NOW)
    assert not shop.client_used(clients.ClientKey(b"stranger", 1, b""), NOW)
    assert shop.client_keys(b"stranger") == []
    refused(refusals.NO_CLIENT, shop.renew_client, b"stranger")


def test_e4_one_user_on_several_clients(shop):
    user = shop.user(login="Ann")
    both = [shop.register_client(NOW).client_id for _ in range(2)]
    refused(refusals.NOT_SIGNED_IN, shop.user_of, both[0])
    for client in both:
        assert shop.sign_in("ANN", PASSWORD, NOW, client) == user
    assert [shop.user_of(client) for client in both] == [user, user]
    assert shop.clients_of(user) == sorted(both)
    shop.sign_out(both[1])
    refused(refusals.NOT_SIGNED_IN, shop.user_of, both[1])


def test_a_lost_client_is_unknown_from_then_on(shop):
    user, other = shop.user(login="Ann"), shop.user()
    client = shop.register_client(NOW).client_id
    shop.sign_in("Ann", PASSWORD, NOW, client)
    refused(refusals.NO_CLIENT, shop.remove_client, other, client, NOW)
    shop.remove_client(user, client, NOW)
    assert shop.client_keys(client) == shop.clients_of(user) == []
    refused(refusals.NO_CLIENT, shop.user_of, client)
    refused(refusals.NO_CLIENT, shop.sign_in, "Ann", PASSWORD, NOW, client)


@pytest.mark.parametrize("login", ["", " ", "a b", "a\n", "x" * 65, "\x00", "\ud800", "\u202e" + "a"])
def test_a_login_that_cannot_be_read_is_refused(shop, login):
    refused(refusals.BAD_LOGIN_NAME, shop.register_user, login, PASSWORD, NOW)


@pytest.mark.parametrize("password", ["", "short", "x" * 201, "\ud800" * 10])
def test_a_password_that_is_none_is_refused(shop, password):
    refused(refusals.BAD_PASSWORD, shop.register_user, "Ann", password, NOW)
    refused(refusals.LOGIN, shop.sign_in, "Ann", password, NOW)


def test_logins_that_look_the_same_are_the_same(shop):
    shop.user(login="\u212bsa")  # the sign of the unit, which is that letter
    refused(refusals.LOGIN_TAKEN, shop.register_user, "\u00c5SA", PASSWORD, NOW)


# --- login (E5) ---------------------------------------------------------------------------------------------------


def test_e5_unknown_login_and_wrong_password_are_one_answer_after_the_same_work(shop, monkeypatch):
    shop.user(login="Ann")
    done = []
    hasher = shop._passwords._hasher
    verify = hasher.verify
    monkeypatch.setattr(
        type(hasher),
        "verify",
        lambda self, digest, typed: done.append(digest.rsplit("$", 2)[0]) or verify(digest, typed),
    )
    answers = {str(refused(refusals.LOGIN, shop.sign_in, who, "wrong password", NOW)) for who in ("Ann", "Bob")}
    assert len(answers) == 1
    assert len(done) == 2 and done[0] == done[1]  # the same costs


def test_who_is_wrong_often_is_slowed_down_whether_known_or_not(shop):
    shop.user(login="Ann")
    for who in ("Ann", "Bob"):
        for _ in range(throttle.FREE):
            refused(refusals.LOGIN, shop.sign_in, who, "wrong password", NOW)
        assert refused(refusals.SLOW_DOWN, shop.sign_in, who, PASSWORD, NOW).wait_ms == throttle.FIRST_WAIT_MS
        refused(refusals.LOGIN, shop.sign_in, who, "wrong password", NOW + 1000)
        assert refused(refusals.SLOW_DOWN, shop.sign_in, who, PASSWORD, NOW + 1000).wait_ms == 2000
    assert shop.sign_in("Ann", PASSWORD, NOW + 3000)
    for _ in range(throttle.FREE):  # the right one has made it good
        refused(refusals.LOGIN, shop.sign_in, "Ann", "wrong password", NOW + 3000)


def test_no_wait_is_longer_than_it_says_and_all_are_forgotten(shop):
    assert max(throttle.wait_ms(count) for count in range(1, 2000)) == throttle.LONGEST_WAIT_MS
    for _ in range(throttle.FREE):
        refused(refusals.LOGIN, shop.sign_in, "Bob", "wrong password", NOW)
    refused(refusals.LOGIN, shop.sign_in, "Eve", "wrong password", NOW + throttle.FORGOTTEN_MS + 1)
    with transaction(shop.engine) as connection:
        assert connection.scalar(text("SELECT count(*) FROM shop_failures")) == 1


def test_a_password_of_older_costs_is_digested_anew(shop):
    from headend.shop.passwords import Passwords

    user = shop.user(login="Ann")
    shop._passwords = Passwords(2, 8)
    assert shop.sign_in("Ann", PASSWORD, NOW) == user
    with transaction(shop.engine) as connection:
        assert ",t=2," in connection.scalar(text("SELECT password FROM shop_users"))
    assert shop.sign_in("Ann", PASSWORD, NOW) == user


# --- directory (E5) -----------------------------------------------------------------------------------------------


def test_e5_directory_by_taste(shop):
    jazz, folk = shop.group("Jazz"), shop.group("Folk")
    songs = [shop.title("A", group=folk), shop.title("B", group=jazz), shop.title("C"), shop.title("D", group=jazz)]
    user = shop.user(100)
    assert [one.title for one in shop.directory(user)] == songs
    shop.join(user, jazz, NOW)
    assert [one.name for one in shop.directory(user)] == ["B", "D", "A", "C"]
    assert [one.name for one in shop.directory(user, taste="Folk")] == ["A"]
    assert [one.name for one in shop.directory(None)] == ["A", "B", "C", "D"]
    assert [(one.name, one.member) for one in shop.tastes(user)] == [("Folk", False), ("Jazz", True)]
    shop.buy(user, songs[2], NOW)
    assert [one.bought for one in shop.directory(user)] == [False, False, False, True]


def test_directory_is_searched_in_names_and_extras(shop):
    shop.title("Blue 100%", artist="Ann_Bee", lyrics="so blue")
    shop.title("Red", artist="Annabee")
    assert [one.name for one in shop.directory(words="ann BLUE")] == ["Blue 100%"]
    assert [one.name for one in shop.directory(words="100%")] == ["Blue 100%"]
    assert [one.name for one in shop.directory(words="ann_")] == ["Blue 100%"]
    assert shop.directory(words="\\") == []
    assert dict(shop.directory()[0].extras) == {"artist": "Ann_Bee", "lyrics": "so blue"}


def test_directory_comes_in_pages(shop):
    for number in range(catalogue.PAGE + 3):
        shop.title(f"No. {number}")
    assert len(shop.directory()) == catalogue.PAGE
    assert [one.name for one in shop.directory(after=catalogue.PAGE)] == ["No. 50", "No. 51", "No. 52"]


# --- units (E6), cards (E7), sellers (E8) -------------------------------------------------------------------------


def test_e6_short_of_units_is_refused_and_nothing_changes(shop):
    user, title = shop.user(29), shop.title(price=30)
    before = shop.transactions(user)
    refused(refusals.NO_UNITS, shop.buy, user, title, NOW)
    assert (shop.balance(user), shop.transactions(user), shop.restore(user)) == (29, before, [])


def test_e6_debited_with_the_key(shop):
    user, title = shop.user(100), shop.title(price=30)
    bought, is_new = shop.buy(user, title, NOW)
    assert is_new and shop.balance(user) == 70
    assert shop.right(user, title) == bought
    assert [(one.kind, one.units) for one in shop.transactions(user)] == [("card", 100), ("purchase", -30)]


def test_bought_twice_is_paid_once(shop):
    user, title = shop.user(100), shop.title(price=30)
    first, again = shop.buy(user, title, NOW), shop.buy(user, title, NOW + 1)
    assert (first[0], first[1], again[1]) == (again[0], True, False)
    assert shop.balance(user) == 70


def test_a_price_that_has_changed_is_not_paid(shop):
    user, title = shop.user(100), shop.title(price=30)
    with transaction(shop.engine) as connection:
        catalogue.set_price(connection, title, 40)
    refused(refusals.PRICE_CHANGED, shop.buy, user, title, NOW, 30)
    shop.buy(user, title, NOW, 40)
    assert shop.balance(user) == 60


def test_what_is_sold_no_more_stays_with_who_has_it(shop):
    user, other, title = shop.user(100), shop.user(100), shop.title()
    bought, _ = shop.buy(user, title, NOW)
    with transaction(shop.engine) as connection:
        catalogue.withdraw(connection, title)
    refused(refusals.NO_TITLE, shop.buy, other, title, NOW)
    refused(refusals.NO_TITLE, shop.buy, other, 999, NOW)
    assert shop.directory(user) == []
    assert shop.restore(user) == [bought]


def test_a_title_for_nothing_is_bought_too(shop):
    user, title = shop.user(), shop.title(price=0)
    bought, _ = shop.buy(user, title, NOW)
    assert (shop.restore(user), shop.balance(user)) == ([bought], 0)


def test_e7_card_is_credited_once(shop):
    user, other, number = shop.user(), shop.user(), shop.new_card(50, NOW)
    assert shop.redeem(number, NOW, user) == 50
    assert shop.redeem(number, NOW, user) == 50, "who did not hear it asks again"
    refused(refusals.CARD_USED, shop.redeem, number, NOW, other)
    assert (shop.balance(user), shop.balance(other)) == (50, 0)


def test_a_card_that_one_has_takes_back_no_guess_at_others(shop):
    user, number = shop.user(), shop.new_card(50, NOW)
    assert shop.redeem(number, NOW, user) == 50
    for _ in range(throttle.FREE - 1):
        refused(refusals.NO_CARD, shop.redeem, "0000000000000000", NOW, user)
    assert shop.redeem(number, NOW, user) == 50
    refused(refusals.SLOW_DOWN, shop.redeem, "0000000000000000", NOW, user)
    client, kept = shop.register_client(NOW).client_id, shop.new_card(5, NOW)
    for _ in range(throttle.FREE):
        assert shop.redeem_on(client, kept, NOW) == 5
    assert shop.redeem_on(shop.register_client(NOW).client_id, shop.new_card(5, NOW), NOW) == 5
    refused(refusals.CARD_USED, shop.redeem_on, shop.register_client(NOW).client_id, kept, NOW)


def test_e7_card_before_the_account_exists(shop):
    client, number = shop.register_client(NOW).client_id, shop.new_card(50, NOW)
    assert shop.redeem_on(client, number, NOW) == 50 == shop.redeem_on(client, number, NOW)
    refused(refusals.CARD_USED, shop.redeem, number, NOW, shop.user())
    user = shop.register_user("Ann", PASSWORD, NOW, client)
    assert shop.balance(user) == 50
    shop.sign_out(client)
    shop.sign_in("Ann", PASSWORD, NOW, client)
    assert shop.balance(user) == 50
    assert shop.redeem_on(client, number, NOW) == 50 and shop.balance(user) == 50
    assert shop.redeem_on(client, shop.new_card(5, NOW), NOW) == 5
    assert shop.balance(user) == 55


def test_guesses_at_cards_are_slowed_down_by_user(shop):
    user, other = shop.user(), shop.user()
    for _ in range(throttle.FREE):
        refused(refusals.NO_CARD, shop.redeem, "0000000000000000", NOW, user)
    number = shop.new_card(50, NOW)
    refused(refusals.SLOW_DOWN, shop.redeem, number, NOW, user)
    assert shop.redeem(number, NOW, other) == 50


def test_the_database_has_no_card_number(shop):
    number = shop.new_card(50, NOW)
    with transaction(shop.engine) as connection:
        assert number not in str(connection.execute(text("SELECT * FROM shop_cards")).all())


def test_e8_notice_of_a_seller_is_credited_once(shop):
    user, till = shop.user(), shop.seller()
    order = shop.order_units(user, 500, NOW)
    notice = till.sell(order, 500, NOW)
    transaction_id, is_new = shop.accept_notice(notice, NOW)
    assert is_new and shop.balance(user) == 500
    assert shop.accept_notice(notice, NOW + 1) == (transaction_id, False)
    assert till.sell(order, 500, NOW + 2) == notice
    assert (shop.balance(user), till.waiting()) == (500, [notice])
    till.told(notice, NOW)
    assert till.waiting() == []
    with pytest.raises(LocalError, match="was paid for with 500 units"):
        till.sell(order, 501, NOW)


def test_e8_a_forged_or_altered_notice_credits_nothing(shop):
    user, till, other = shop.user(), shop.seller(), shop.seller("other")
    order = shop.order_units(user, 500, NOW)
    good = till.sell(order, 500, NOW)
    for at in range(len(good)):
        for flipped in (1, 0x80):
            bad = good[:at] + bytes([good[at] ^ flipped]) + good[at + 1 :]
            refused(refusals.BAD_NOTICE, shop.accept_notice, bad, NOW)
    for bad in (b"", good[:-1], good + b"\0", bytes(105)):
        refused(refusals.BAD_NOTICE, shop.accept_notice, bad, NOW)
    forged = sign(Notice(till._seller_id, order, 500, NOW), other._seed)
    refused(refusals.BAD_NOTICE, shop.accept_notice, forged, NOW)
    refused(refusals.BAD_NOTICE, shop.accept_notice, sign(Notice(99, order, 500, NOW), till._seed), NOW)
    assert shop.balance(user) == 0
    assert shop.accept_notice(good, NOW)[1]


def test_e8_a_notice_that_says_something_else_than_the_order_credits_nothing(shop):
    user, till = shop.user(), shop.seller()
    order = shop.order_units(user, 500, NOW)
    number, seed = till._seller_id, till._seed
    refused(refusals.BAD_NOTICE, shop.accept_notice, sign(Notice(number, order, 501, NOW), seed), NOW)
    old = sign(Notice(number, order, 500, NOW), seed)
    refused(refusals.BAD_NOTICE, shop.accept_notice, old, NOW + orders.VALID_MS + 1)
    refused(refusals.BAD_NOTICE, shop.accept_notice, old, NOW - orders.AHEAD_MS - 1)
    refused(refusals.NO_ORDER, shop.accept_notice, sign(Notice(number, bytes(16), 500, NOW), seed), NOW)
    shop.accept_notice(old, NOW)
    refused(refusals.ORDER_PAID, shop.accept_notice, sign(Notice(number, order, 500, NOW + 1), seed), NOW)
    assert shop.balance(user) == 500


def test_e8_a_seller_that_is_revoked_is_unknown(shop):
    user, till = shop.user(), shop.seller()
    notice = till.sell(shop.order_units(user, 5, NOW), 5, NOW)
    with transaction(shop.engine) as connection:
        orders.revoke_seller(connection, till._seller_id, NOW)
    refused(refusals.BAD_NOTICE, shop.accept_notice, notice, NOW)


def test_orders_that_nobody_pays_make_room_for_others(shop):
    user, till = shop.user(), shop.seller()
    first = shop.order_units(user, 1, NOW)
    for number in range(orders.UNPAID_LIMIT):
        shop.order_units(user, 2, NOW + 1 + number)
    refused(refusals.NO_ORDER, shop.accept_notice, till.sell(first, 1, NOW), NOW)
    for units in (0, -1, refusals.UNITS_LIMIT + 1):
        refused(refusals.BAD_AMOUNT, shop.order_units, user, units, NOW)


# --- keys (E9, E10, E11), restoration (E17) -----------------------------------------------------------------------


def test_e9_a_key_for_each_user_and_title(shop):
    users = [shop.user(100), shop.user(100)]
    titles = [shop.title("X"), shop.title("Y")]
    bought = [shop.buy(user, title, NOW)[0] for user in users for title in titles]
    for one, other in combinations(bought, 2):
        assert one.key != other.key and one.kid != other.kid
    assert all((len(one.key), len(one.kid)) == (16, 16) for one in bought)


def test_e10_members_share_a_key_and_who_is_none_has_one_of_his_own(shop):
    jazz = shop.group("Jazz", price=10)
    titles = [shop.title("X", group=jazz), shop.title("Y", group=jazz), shop.title("Z")]
    first, second, outsider = shop.user(200), shop.user(200), shop.user(200)
    assert shop.join(first, jazz, NOW) and shop.join(second, jazz, NOW)
    assert not shop.join(first, jazz, NOW)
    assert shop.balance(first) == 190
    of_group = {shop.buy(user, title, NOW)[0].key for user in (first, second) for title in titles[:2]}
    assert len(of_group) == 1
    others = {shop.buy(outsider, title, NOW)[0].key for title in titles}
    others |= {shop.buy(first, titles[2], NOW)[0].key}
    assert len(others) == 4 and not others & of_group
    assert shop.leave(first, jazz) and not shop.leave(first, jazz)
    late = shop.title("W", group=jazz)
    assert shop.buy(first, late, NOW)[0].key not in of_group
    assert shop.right(first, titles[0]).key in of_group  # what was bought stays
    refused(refusals.NO_GROUP, shop.join, first, 99, NOW)


def test_a_subscription_that_is_not_paid_is_none(shop):
    jazz, user = shop.group("Jazz", price=10), shop.user(9)
    refused(refusals.NO_UNITS, shop.join, user, jazz, NOW)
    assert not shop.tastes(user)[0].member
    assert shop.balance(user) == 9


def test_e17_who_lost_everything_gets_it_back_without_a_debit(shop):
    jazz = shop.group("Jazz")
    user = shop.user(200, login="Ann")
    shop.join(user, jazz, NOW)
    bought = [shop.buy(user, shop.title(name, group=group), NOW)[0] for name, group in (("X", jazz), ("Y", None))]
    before = shop.transactions(user)
    client = shop.register_client(NOW + HOUR_MS).client_id
    shop.sign_in("Ann", PASSWORD, NOW + HOUR_MS, client)
    assert shop.restore(shop.user_of(client)) == bought
    assert (shop.balance(user), shop.transactions(user)) == (140, before)


@pytest.mark.parametrize("number", [0, -1, 1 << 31, 1 << 63, 1 << 64])
def test_a_number_that_no_row_can_have_is_unknown(shop, number):
    user = shop.user()
    refused(refusals.NO_TITLE, shop.buy, user, number, NOW)
    refused(refusals.NO_RIGHT, shop.refund, user, number, NOW)
    refused(refusals.NO_RIGHT, shop.right, user, number)
    refused(refusals.NO_GROUP, shop.join, user, number, NOW)
    refused(refusals.NO_GROUP, shop.leave, user, number)
    assert shop.directory(user, "\0", "\ud800 \0", number) == []


# --- refunds ------------------------------------------------------------------------------------------------------


def test_a_refund_is_a_counter_entry_and_ends_the_right(shop):
    user, title = shop.user(100), shop.title()
    first, _ = shop.buy(user, title, NOW)
    assert shop.refund(user, title, NOW + 1) == 30
    refused(refusals.NO_RIGHT, shop.refund, user, title, NOW + 2)
    refused(refusals.NO_RIGHT, shop.right, user, title)
    assert shop.balance(user) == 100
    last = shop.transactions(user)[-1]
    assert (last.kind, last.units, last.reverses) == ("refund", 30, first.transaction)
    again, is_new = shop.buy(user, title, NOW + 3)
    assert is_new and again.key != first.key
    assert (shop.balance(user), shop.restore(user)) == (70, [again])


def test_audit_sees_what_is_wrong(shop):
    user, title = shop.user(100), shop.title()
    shop.buy(user, title, NOW)
    for change, back, said in (
        (
            "UPDATE accounts SET credit = 71",
            "UPDATE accounts SET credit = 70",
            ["the balance is 71, the entries say 70"],
        ),
        (
            "UPDATE shop_rights SET refunded_ms = 1",
            "UPDATE shop_rights SET refunded_ms = NULL",
            ["0 rights to title 1"],
        ),
        (
            "UPDATE shop_entries SET amount = 31 WHERE amount = 30",
            "UPDATE shop_entries SET amount = 30 WHERE amount = 31",
            ["what it gives and takes differs"],
        ),
    ):
        with transaction(shop.engine) as connection:
            connection.execute(text(change))
        found = shop.audit()
        assert len(found) == 1 and all(part in found[0] for part in said)
        with transaction(shop.engine) as connection:
            connection.execute(text(back))
