"""What is sold: titles with their extras; the directory shows a user's tastes first.

Within the caller's transaction.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from settop.errors import LocalError
from sqlalchemy import (
    BigInteger,
    Connection,
    Executable,
    Integer,
    Select,
    and_,
    bindparam,
    case,
    insert,
    or_,
    select,
    update,
)

from headend.shop.models import Extra, Group, Member, Right, Terms, Title
from headend.shop.refusals import NO_TITLE, NUMBER_LIMIT, UNITS_LIMIT, Refused, is_text
from headend.shop.rentals import Term

PAGE = 50
"""Titles in one answer, at most."""
NAME_LIMIT, EXTRA_LIMIT = 200, 20_000
_WILD = str.maketrans({"%": r"\%", "_": r"\_", "\\": r"\\"})

_USER = bindparam("user", type_=Integer)
_RANK = case((Member.user_id.is_(None), 1), else_=0)
_OFFERS = (
    select(
        Title.title_id,
        Title.name,
        Title.price,
        Title.withdrawn,
        Group.name.label("taste"),
        Right.right_id,
        Terms.begins_ms,
        Terms.ends_ms,
        Terms.holds_s,
        Terms.until_ms,
        _RANK.label("rank"),
    )
    .outerjoin(Group, Group.group_id == Title.group_id)
    .outerjoin(Member, and_(Member.group_id == Title.group_id, Member.user_id == _USER))
    .outerjoin(Right, and_(Right.title_id == Title.title_id, Right.user_id == _USER, Right.refunded_ms.is_(None)))
    .outerjoin(Terms, Terms.right_id == Right.right_id)
)
_SOLD = (
    _OFFERS.where(Title.withdrawn.is_(False))
    .order_by(_RANK, Title.title_id)
    .offset(bindparam("after", type_=Integer))
    .limit(bindparam("count", type_=Integer))
)
_SOLD_OF_TASTE = _SOLD.where(Group.name == bindparam("taste"))
_NOW = bindparam("now", type_=BigInteger)
_RUNS = and_(Right.right_id.is_not(None), or_(Terms.until_ms.is_(None), Terms.until_ms > _NOW))
_ONE = _OFFERS.where(Title.title_id == bindparam("title"), or_(Title.withdrawn.is_(False), _RUNS))


def _with_extras(look: "Select[*tuple[Any, ...]]") -> "Select[*tuple[Any, ...]]":
    """A row for each extra of these titles, one with nulls for a title without any: a single statement."""
    page = look.subquery("page")
    told = (page.c.title_id, page.c.name, page.c.price, page.c.withdrawn, page.c.taste, page.c.right_id)
    term = (page.c.begins_ms, page.c.ends_ms, page.c.holds_s, page.c.until_ms)
    return (
        select(*told, *term, Extra.name.label("extra"), Extra.value)
        .outerjoin(Extra, Extra.title_id == page.c.title_id)
        .order_by(page.c.rank, page.c.title_id, Extra.name)
    )


_DIRECTORY, _DIRECTORY_OF_TASTE, _OFFER = (_with_extras(look) for look in (_SOLD, _SOLD_OF_TASTE, _ONE))
"""Made once: to put a statement together takes longer than the database does."""


@dataclass(frozen=True)
class Offer:
    """A title as a user sees it. `bought`: the user has it, for good or by a right that may still run: then `term` is
    as it was bought, and `until_ms` when it may be over at the earliest, or None where that is not known yet. `sold`:
    it still is, or is shown to who has it alone.
    """

    title: int
    name: str
    price: int
    taste: str | None
    bought: bool
    extras: Mapping[str, str] = field(default_factory=dict)
    term: Term | None = None
    until_ms: int | None = None
    sold: bool = True


def add_title(
    connection: Connection,
    name: str,
    price: int,
    group_id: int | None,
    file: str,
    digest: bytes,
    extras: Mapping[str, str],
    now_ms: int,
) -> int:
    """A new title's id. `file`, `digest`: of its clear original. Raises LocalError for what has no room."""
    if not 1 <= len(name) <= NAME_LIMIT or not 0 <= price <= UNITS_LIMIT:
        raise LocalError(f"a title's name has 1 to {NAME_LIMIT} characters, its price is 0 to {UNITS_LIMIT} units")
    for extra, value in extras.items():
        if not 1 <= len(extra) <= 64 or len(value) > EXTRA_LIMIT:
            raise LocalError(f"extra {extra[:64]!r}: names have 1 to 64 characters, texts {EXTRA_LIMIT} at most")
    row = {"name": name, "price": price, "group_id": group_id, "file": file, "digest": digest}
    key = connection.execute(insert(Title).values(**row, added_ms=now_ms, withdrawn=False)).inserted_primary_key
    assert key is not None
    if extras:
        rows = [{"title_id": key[0], "name": extra, "value": value} for extra, value in extras.items()]
        connection.execute(insert(Extra), rows)
    return int(key[0])


def set_price(connection: Connection, title_id: int, price: int) -> None:
    """For who buys from now on. Raises Refused, LocalError."""
    if not 0 <= price <= UNITS_LIMIT:
        raise LocalError(f"a price is 0 to {UNITS_LIMIT} units")
    if not connection.execute(update(Title).where(Title.title_id == title_id).values(price=price)).rowcount:
        raise Refused(NO_TITLE)


def withdraw(connection: Connection, title_id: int) -> None:
    """It is sold no more; who has bought it keeps it. Raises Refused."""
    if not connection.execute(update(Title).where(Title.title_id == title_id).values(withdrawn=True)).rowcount:
        raise Refused(NO_TITLE)


def directory(
    connection: Connection,
    user_id: int | None = None,
    taste: str | None = None,
    words: str = "",
    after: int = 0,
    count: int = PAGE,
    now_ms: int = 0,
) -> list[Offer]:
    """Titles: those of the user's subscriptions first, each by its number. `taste`: those of one subscription alone;
    `words`: those alone in whose name or extras each stands; `after`: so many are passed over.
    """
    if not is_text(words) or not is_text(taste or ""):
        return []
    start = min(max(after, 0), NUMBER_LIMIT)
    values: dict[str, Any] = {"user": user_id, "after": start, "count": min(count, PAGE)}
    if taste is not None:
        values["taste"] = taste
    if not words.split():
        return _offers(connection, _DIRECTORY if taste is None else _DIRECTORY_OF_TASTE, values, now_ms)
    look = _SOLD if taste is None else _SOLD_OF_TASTE
    for word in words.split()[:10]:
        like = f"%{word.translate(_WILD)}%"
        told = select(Extra.title_id).where(Extra.value.ilike(like, escape="\\"))
        look = look.where(or_(Title.name.ilike(like, escape="\\"), Title.title_id.in_(told)))
    return _offers(connection, _with_extras(look), values, now_ms)


def offer(connection: Connection, title_id: int, user_id: int | None = None, now_ms: int = 0) -> Offer:
    """One title. Raises Refused where it is not sold, unless the user has bought it, and that may still run."""
    found = _offers(connection, _OFFER, {"user": user_id, "title": title_id, "now": now_ms}, now_ms)
    if not found:
        raise Refused(NO_TITLE)
    return found[0]


def names_of(connection: Connection, title_ids: Collection[int]) -> dict[int, str]:
    """Names by number, also of what is sold no more."""
    rows = connection.execute(select(Title.title_id, Title.name).where(Title.title_id.in_(title_ids)))
    return {row[0]: row[1] for row in rows}


def _offers(connection: Connection, look: Executable, values: dict[str, Any], now_ms: int) -> list[Offer]:
    found: list[Offer] = []
    extras: dict[str, str] = {}
    last = None
    for title_id, name, price, withdrawn, taste, right_id, *term, until_ms, extra, value in connection.execute(
        look, values
    ).all():
        if title_id != last:
            last, extras = title_id, {}
            bought = right_id is not None and (until_ms is None or now_ms < until_ms)
            held = Term(*term) if bought and term[0] is not None else None
            until_ms = until_ms if held else None
            found.append(Offer(title_id, name, price, taste, bought, extras, held, until_ms, not withdrawn))
        if extra is not None:
            extras[extra] = value
    return found
