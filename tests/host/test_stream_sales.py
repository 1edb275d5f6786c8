"""The transaction server: who asks for a title chooses a time limit, pays once, and gets a token for that title.

tests/peers/test_stream_postgresql.py runs these on PostgreSQL too.
"""

import pytest
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from headend.accounts.engine import transaction
from headend.accounts.migrating import revisions
from headend.shop import refusals
from headend.shop.refusals import Refused
from headend.stream.catalogue import Terms
from headend.stream.models import StreamGrant
from headend.stream.tokens import REFUSED
from settop.errors import LocalError, RemoteError
from settop.media import key_text
from sqlalchemy import create_engine, func, select, text

from tests.helpers import shop as helper
from tests.helpers.shop import NOW
from tests.helpers.streams import EVENING, FREE, HOUR_MS, SERVER, WEEK, Kiosk, open_sales, put_stream


@pytest.fixture
def kiosk():
    made = Kiosk(helper.new_database())
    yield made
    assert made.audit() == []


def refused(code, method, *arguments):
    with pytest.raises(Refused) as caught:
        method(*arguments)
    assert caught.value.code == code


def sealed_of(ticket):
    return key_text.parse_token(ticket.token)[0]


def lines(kiosk):
    """Transactions, and lines of the ledger, that are for streams."""
    look = "SELECT count(*) FROM shop_transactions WHERE kind = 'stream'"
    entries = (
        "SELECT count(*), coalesce(sum(amount), 0) FROM shop_entries JOIN shop_transactions USING (transaction_id) "
    )
    with transaction(kiosk.engine) as connection:
        count, total = connection.execute(text(entries + "WHERE kind = 'stream'")).one()
        assert total == 0
        return connection.execute(text(look)).scalar_one(), count


def records(kiosk):
    with transaction(kiosk.engine) as connection:
        return connection.scalar(select(func.count()).select_from(StreamGrant))


# --- D1: time limits of the database are offered, one is chosen ---------------------------------------------------


def test_d1_the_time_limits_offered_are_those_of_the_database(kiosk):
    number, *limits = kiosk.stream("film", EVENING, WEEK)
    (one,) = kiosk.sales.streams()
    assert one == kiosk.sales.stream(number)
    assert (one.name, one.label, one.uri, one.is_open) == ("film", "The film", f"{SERVER}/film", False)
    assert [(each.limit, each.name, each.holds_s, each.price) for each in one.limits] == [
        (limits[0], "An evening", 6 * 3600, 30),
        (limits[1], "A week", 7 * 24 * 3600, 80),
    ]


def test_d1_the_limit_that_was_chosen_stands_in_the_tokens_record(kiosk):
    user, (number, _, week) = kiosk.user(100), kiosk.stream()
    ticket, is_new = kiosk.sales.buy(user, number, week, NOW, 80)
    assert is_new and ticket.granted.limit == "A week"
    assert ticket.granted.expires_ms == NOW + 7 * 24 * HOUR_MS
    with transaction(kiosk.engine) as connection:
        row = connection.execute(select(StreamGrant)).one()
    assert (row.limit_id, row.user_id, row.number) == (week, user, ticket.granted.number)
    grant = kiosk.sales.tokens.check(sealed_of(ticket), "film", "user1", NOW)
    assert (grant.number, grant.expires_ms) == (row.number, row.expires_ms)


def test_a_title_is_offered_otherwise_and_what_was_sold_stays_good(kiosk):
    user, (number, evening, week) = kiosk.user(200), kiosk.stream("film", EVENING, WEEK)
    before, _ = kiosk.sales.buy(user, number, evening, NOW, 30)
    dearer = Terms("An evening", 6 * 3600, 40)
    again = kiosk.stream("film", dearer, WEEK, label="Film", server="rtsp://[2001:db8::1]")
    assert again[0] == number and again[2] == week and again[1] != evening
    assert kiosk.sales.purchased(user, NOW)[0].token == before.token
    assert kiosk.sales.purchased(user, NOW)[0].granted.uri == "rtsp://[2001:db8::1]/film"
    assert kiosk.sales.buy(user, number, evening, NOW + 1, 30) == (kiosk.sales.purchased(user, NOW)[0], False)
    refused(refusals.NO_LIMIT, kiosk.sales.buy, user, number, evening, NOW + 6 * HOUR_MS, 30)
    kiosk.withdraw()
    assert kiosk.sales.streams() == []
    refused(refusals.NO_STREAM, kiosk.sales.stream, number)
    refused(refusals.NO_STREAM, kiosk.sales.buy, user, number, week, NOW, 80)
    assert kiosk.sales.purchased(user, NOW)[0].token == before.token
    assert kiosk.stream("film", dearer, WEEK)[:2] == (number, again[1])  # sold again, by the same limits


def test_titles_come_page_by_page(kiosk):
    for at in range(53):
        kiosk.stream(f"film{at}", FREE)
    first = kiosk.sales.streams()
    assert len(first) == 50
    assert [one.name for one in kiosk.sales.streams(first[-1].stream)] == ["film50", "film51", "film52"]


@pytest.mark.parametrize(
    ("name", "told", "reason"),
    [
        ("a/b", {}, "letters, digits"),
        ("..", {}, "letters, digits"),
        ("a" * 65, {}, "letters, digits"),
        ("film", {"label": ""}, "1 to 200 characters"),
        ("film", {"server": "http://media.test"}, "rtsp://HOST"),
        ("film", {"server": "rtsp://media.test/"}, "without a path"),
        ("film", {"server": "rtsp://ann@media.test"}, "rtsp://HOST"),
        ("film", {"limits": [EVENING, EVENING]}, "a name of its own"),
        ("film", {"limits": [Terms("x", 0, 1)]}, "a second to"),
        ("film", {"limits": [Terms("x", 60, -1)]}, "units"),
        ("film", {"limits": [Terms("", 60, 1)]}, "1 to 64 characters"),
    ],
)
def test_what_cannot_be_sold_is_refused_with_what_was_expected(name, told, reason):
    kiosk, limits = Kiosk("sqlite://"), told.pop("limits", [EVENING])
    with pytest.raises(LocalError, match=reason):
        kiosk.stream(name, *limits, **told)
    assert kiosk.sales.streams() == []


# --- D3: free or paid ---------------------------------------------------------------------------------------------


def test_d3_a_paid_title_makes_exactly_one_entry_and_a_free_one_none(kiosk):
    user, (paid, evening, _), (free, day) = kiosk.user(100), kiosk.stream(), kiosk.stream("news", FREE)
    assert lines(kiosk) == (0, 0)
    ticket, _ = kiosk.sales.buy(user, free, day, NOW, 0)
    assert (lines(kiosk), kiosk.balance(user), ticket.granted.transaction) == ((0, 0), 100, None)
    ticket, _ = kiosk.sales.buy(user, paid, evening, NOW, 30)
    assert (lines(kiosk), kiosk.balance(user)) == ((1, 2), 70)
    booked = kiosk.transactions(user)[-1]
    assert (booked.kind, booked.units, booked.note, booked.title_id) == ("stream", -30, "stream film", None)
    assert booked.transaction == ticket.granted.transaction


def test_the_same_again_costs_nothing_while_the_token_is_good_and_a_new_one_behind_that(kiosk):
    user, (number, evening, week) = kiosk.user(200), kiosk.stream()
    first, _ = kiosk.sales.buy(user, number, evening, NOW, 30)
    until = first.granted.expires_ms
    assert kiosk.sales.buy(user, number, evening, until - 1, 30) == (first, False)
    assert kiosk.sales.buy(user, number, evening, until - 1, 999) == (first, False)
    other, is_new = kiosk.sales.buy(user, number, week, NOW + 1, 80)
    assert is_new and kiosk.sales.purchased(user, NOW + 1) == [first, other]
    later, is_new = kiosk.sales.buy(user, number, evening, until, 30)
    assert is_new and later.token != first.token
    assert (kiosk.balance(user), lines(kiosk)) == (60, (3, 6))


def test_what_cannot_be_bought_is_refused_and_nothing_is_charged(kiosk):
    user, (number, evening, week), (other, day) = kiosk.user(70), kiosk.stream(), kiosk.stream("news", FREE)
    for stream, limit, price, code in (
        (number, week, 80, refusals.NO_UNITS),
        (number, evening, 29, refusals.PRICE_CHANGED),
        (number, day, 0, refusals.NO_LIMIT),
        (other, evening, 30, refusals.NO_LIMIT),
        (99, evening, 30, refusals.NO_STREAM),
        (number, 99, 30, refusals.NO_LIMIT),
        (0, evening, 30, refusals.NO_STREAM),
        (number, 1 << 40, 30, refusals.NO_LIMIT),
    ):
        refused(code, kiosk.sales.buy, user, stream, limit, NOW, price)
    refused(refusals.NOT_SIGNED_IN, kiosk.sales.buy, 99, number, evening, NOW, 30)
    assert (kiosk.balance(user), lines(kiosk), records(kiosk)) == (70, (0, 0), 0)
    open_title = kiosk.sales.stream(put_stream(kiosk, "open")[0])
    assert (open_title.is_open, open_title.limits) == (True, ())
    refused(refusals.NO_LIMIT, kiosk.sales.buy, user, open_title.stream, evening, NOW, 0)


# --- D4, D5: what a token is good for -----------------------------------------------------------------------------


def test_d4_a_token_opens_its_title_for_its_user_in_its_time_alone(kiosk):
    ann, bob = kiosk.user(100, "Ann"), kiosk.user(100, "bob")
    (number, evening, _), (other, late, _) = kiosk.stream("film"), kiosk.stream("song")
    ticket, _ = kiosk.sales.buy(ann, number, evening, NOW, 30)
    others = [kiosk.sales.buy(bob, number, evening, NOW)[0], kiosk.sales.buy(ann, other, late, NOW)[0]]
    assert len({ticket.token, *(one.token for one in others)}) == 3
    check, sealed, until = kiosk.sales.tokens.check, sealed_of(ticket), ticket.granted.expires_ms
    assert ticket.user == "ann" and check(sealed, "film", "ann", until - 1).number == ticket.granted.number
    for title, user, when in (("song", "ann", NOW), ("film", "bob", NOW), ("film", "ann", until), ("film", "Ann", NOW)):
        with pytest.raises(RemoteError, match=REFUSED):
            check(sealed, title, user, when)


def test_every_server_of_the_database_judges_alike_and_no_other_one_does(kiosk):
    user, (number, evening, _) = kiosk.user(100), kiosk.stream()
    ticket, _ = kiosk.sales.buy(user, number, evening, NOW)
    from headend.stream.sales.core import TransactionServer

    again = TransactionServer(kiosk)
    assert again.tokens.check(sealed_of(ticket), "film", "user1", NOW).number == ticket.granted.number
    with pytest.raises(RemoteError, match=REFUSED):
        open_sales("sqlite://").tokens.check(sealed_of(ticket), "film", "user1", NOW)


def test_no_token_and_nothing_that_makes_one_lies_in_the_database_in_clear(tmp_path):
    kiosk = Kiosk(str(tmp_path / "shop.db"))
    user, (number, evening, _) = kiosk.user(100), kiosk.stream()
    ticket, _ = kiosk.sales.buy(user, number, evening, NOW)
    sealed, secret = key_text.parse_token(ticket.token)
    kiosk.engine.dispose()
    octets = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    parts = (ticket.token.encode(), bytes(sealed), bytes(secret), kiosk.sales.tokens._siv, kiosk.sales.tokens._mac)
    assert not any(part[:16] in octets for part in parts)
    assert ticket.granted.number in octets  # it would be seen
    assert ticket.token not in repr(ticket)


# --- D6, D17: the list of what was bought -------------------------------------------------------------------------


def test_d6_the_list_gives_the_very_tokens_back_until_they_end(kiosk):
    user, (number, evening, week) = kiosk.user(200), kiosk.stream()
    bought = [kiosk.sales.buy(user, number, limit, NOW + at)[0] for at, limit in enumerate((week, evening))]
    assert kiosk.sales.purchased(user, NOW + 2) == bought
    assert kiosk.sales.purchased(user, bought[1].granted.expires_ms) == bought[:1]
    assert kiosk.sales.purchased(user, bought[0].granted.expires_ms) == []
    assert kiosk.sales.purchased(kiosk.user(), NOW) == []


def test_records_of_tokens_that_have_ended_go_with_the_next_purchase(kiosk):
    ann, bob = kiosk.user(), kiosk.user()
    number, day = kiosk.stream("news", FREE)
    for at in range(5):
        kiosk.sales.buy(ann, number, day, NOW + at * 24 * HOUR_MS)
        kiosk.sales.buy(bob, number, day, NOW + at * 24 * HOUR_MS)
        assert records(kiosk) == 2


# --- a shop that was there before ---------------------------------------------------------------------------------


OLD = (
    "INSERT INTO accounts VALUES (1, 100, 0)",
    "INSERT INTO shop_users VALUES (1, 'ann', 'no digest', 1, 5)",
    "INSERT INTO shop_transactions VALUES (1, 'card', 1, 6, '', NULL)",
    "INSERT INTO shop_entries VALUES (1, 0, 'cards', NULL, NULL, -100), (1, 1, 'user', 1, NULL, 100)",
)


def test_a_shop_of_before_streams_sells_them_with_every_balance_in_its_place(tmp_path):
    found = list(revisions().walk_revisions())
    (at,) = [number for number, one in enumerate(found) if one.module.__name__.endswith("streams_py")]
    engine = create_engine(f"sqlite:///{tmp_path / 'shop.db'}")
    with engine.begin() as connection:
        context = MigrationContext.configure(connection)
        for one in reversed(found[at + 1 :]):
            one.module.upgrade(Operations(context))
        context.stamp(revisions(), found[at].down_revision)
        for statement in OLD:
            connection.execute(text(statement))
    engine.dispose()
    kiosk = Kiosk(str(tmp_path / "shop.db"))
    assert (kiosk.balance(1), kiosk.login(1), kiosk.audit()) == (100, "ann", [])
    number, evening, _ = kiosk.stream()
    assert kiosk.sales.buy(1, number, evening, NOW, 30)[1]
    assert (kiosk.balance(1), [one.kind for one in kiosk.transactions(1)], kiosk.audit()) == (
        70,
        ["card", "stream"],
        [],
    )
