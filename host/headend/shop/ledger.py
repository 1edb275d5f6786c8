"""The one ledger of rights and money: every transaction has lines that sum to zero, of units and of each title.

    kind        units                        rights to the title
    card        cards -n, user +n
    units       seller -n, user +n
    purchase    user -n, sales +n            store -1, user +1
    join        user -n, sales +n
    stream      user -n, sales +n            -: a token for a time (headend.stream.sales)
    end         -                            user -1, store +1: a right with an end made room for another one
    refund      the lines of what it takes back, each with its sign turned

A user's balance is kept beside it, as the credit of the account (headend.accounts.money), which the database keeps from
falling below 0; `audit` compares the two. Within the caller's transaction, which has locked the user's row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, and_, bindparam, func, insert, or_, select

from headend.accounts.models import Account
from headend.shop.models import Entry, Right, Transaction, User
from headend.shop.refusals import NOT_SIGNED_IN, Refused

CARD, UNITS, PURCHASE, JOIN, END, REFUND = "card", "units", "purchase", "join", "end", "refund"
STREAM = "stream"
KINDS = (CARD, UNITS, PURCHASE, JOIN, STREAM, END, REFUND)
USER, CARDS, SELLER, SALES, STORE = "user", "cards", "seller", "sales", "store"

_TRANSACTION, _ENTRY = insert(Transaction), insert(Entry)
_LOCKED_USER = select(User.user_id, User.account_id).where(User.user_id == bindparam("user")).with_for_update(of=User)
"""Made once: to put a statement together takes longer than the database does."""


@dataclass(frozen=True)
class Line:
    """What a party gets, or below 0 gives: units, or rights to a title."""

    party: str
    amount: int
    user_id: int | None = None
    title_id: int | None = None


def moved(from_party: str, to_party: str, amount: int, user_id: int, title_id: int | None = None) -> list[Line]:
    """The two lines of an amount that goes from one party to another; none for 0."""
    ends = ((from_party, -amount), (to_party, amount))
    return [Line(who, n, user_id if who == USER else None, title_id) for who, n in ends if n]


def book(
    connection: Connection,
    kind: str,
    user_id: int,
    now_ms: int,
    lines: Sequence[Line],
    note: str = "",
    reverses: int | None = None,
) -> int:
    """Writes a transaction; its id. Raises IntegrityError where `reverses` is taken back already."""
    row = {"kind": kind, "user_id": user_id, "at_ms": now_ms, "note": note, "reverses": reverses}
    key = connection.execute(_TRANSACTION, row).inserted_primary_key
    assert key is not None
    transaction_id = int(key[0])
    if lines:
        rows = [{"transaction_id": transaction_id, "line": number, **vars(one)} for number, one in enumerate(lines)]
        connection.execute(_ENTRY, rows)
    return transaction_id


def lines_of(connection: Connection, transaction_id: int) -> list[Line]:
    """The lines of a transaction, in their order."""
    columns = select(Entry.party, Entry.amount, Entry.user_id, Entry.title_id)
    rows = connection.execute(columns.where(Entry.transaction_id == transaction_id).order_by(Entry.line))
    return [Line(*row) for row in rows]


class Payer(NamedTuple):
    """A user, and the account that the units are on."""

    user_id: int
    account_id: int


def locked_user(connection: Connection, user_id: int | None) -> Payer:
    """A user whose row nobody else changes until the end. Raises Refused."""
    found = connection.execute(_LOCKED_USER, {"user": user_id}).one_or_none()
    if found is None:
        raise Refused(NOT_SIGNED_IN)
    return Payer(found.user_id, found.account_id)


@dataclass(frozen=True)
class Booked:
    """A transaction as its user sees it. `units`: what the balance changed by."""

    transaction: int
    kind: str
    at_ms: int
    units: int
    title_id: int | None
    note: str
    reverses: int | None


def transactions_of(connection: Connection, user_id: int, after: int = 0, count: int | None = None) -> list[Booked]:
    """A user's, oldest first; those of a higher number than `after`, `count` at most."""
    number = Transaction.transaction_id
    return _told(connection, _booked(user_id).where(number > after).order_by(number).limit(count))


def newest_of(connection: Connection, user_id: int, before: int | None, count: int) -> list[Booked]:
    """A user's, newest first; those of a lower number than `before`, `count` at most."""
    number = Transaction.transaction_id
    look = _booked(user_id) if before is None else _booked(user_id).where(number < before)
    return _told(connection, look.order_by(number.desc()).limit(count))


def _booked(user_id: int) -> "Select[*tuple[Any, ...]]":
    mine = and_(Entry.transaction_id == Transaction.transaction_id, Entry.user_id == user_id)
    units = func.coalesce(func.sum(Entry.amount).filter(Entry.title_id.is_(None)), 0)
    return (
        select(
            Transaction.transaction_id,
            Transaction.kind,
            Transaction.at_ms,
            units,
            func.max(Entry.title_id),
            Transaction.note,
            Transaction.reverses,
        )
        .outerjoin(Entry, mine)
        .where(Transaction.user_id == user_id)
        .group_by(Transaction.transaction_id)
    )


def _told(connection: Connection, look: "Select[*tuple[Any, ...]]") -> list[Booked]:
    rows = connection.execute(look)
    return [Booked(row[0], row[1], row[2], int(row[3]), row[4], row[5], row[6]) for row in rows]


def audit(connection: Connection) -> list[str]:
    """What is wrong with the books, a line each; none: they are right."""
    wrong = []
    unequal = connection.execute(
        select(Entry.transaction_id, Entry.title_id)
        .group_by(Entry.transaction_id, Entry.title_id)
        .having(func.sum(Entry.amount) != 0)
    )
    wrong += [f"transaction {row[0]}: what it gives and takes differs" for row in unequal]
    whose = and_(Entry.user_id == User.user_id, Entry.title_id.is_(None), Entry.party == USER)
    booked = func.coalesce(func.sum(Entry.amount), 0)
    balances = connection.execute(
        select(User.user_id, Account.credit, booked)
        .join(Account, Account.account_id == User.account_id)
        .outerjoin(Entry, whose)
        .group_by(User.user_id, Account.credit)
        .having(or_(Account.credit.is_(None), booked != Account.credit))
    )
    wrong += [f"user {row[0]}: the balance is {row[1]}, the entries say {row[2]}" for row in balances]
    return wrong + _rights(connection)


def _rights(connection: Connection) -> list[str]:
    """A right stands for each that the entries leave with a user, and no other does."""
    held = connection.execute(
        select(Entry.user_id, Entry.title_id, func.sum(Entry.amount))
        .where(Entry.title_id.is_not(None), Entry.party == USER)
        .group_by(Entry.user_id, Entry.title_id)
    )
    entries = {(row[0] or 0, row[1] or 0): int(row[2]) for row in held if row[2]}
    standing = connection.execute(
        select(Right.user_id, Right.title_id, func.count())
        .where(Right.refunded_ms.is_(None))
        .group_by(Right.user_id, Right.title_id)
    )
    rights = {(row[0], row[1]): row[2] for row in standing}
    wrong = []
    for user, title in sorted(entries.keys() | rights.keys()):
        said, stand = entries.get((user, title), 0), rights.get((user, title), 0)
        if said != stand:
            wrong.append(f"user {user}: {stand} rights to title {title}, the entries say {said}")
    return wrong
