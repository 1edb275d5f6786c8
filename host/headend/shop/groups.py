"""Subscriptions by taste: who is in one gets its titles under one key. Within the caller's transaction."""

import secrets
from dataclasses import dataclass

from settop.errors import LocalError
from sqlalchemy import Connection, delete, func, insert, select, update

from headend.accounts.money import pay
from headend.accounts.vault import Vault
from headend.shop import ledger
from headend.shop.models import Group, Member
from headend.shop.refusals import NO_GROUP, NO_UNITS, PRICE_CHANGED, UNITS_LIMIT, Refused
from headend.titles.protection import KEY_BYTES


@dataclass(frozen=True)
class Taste:
    """A group as a user sees it. `price`: units for joining."""

    group: int
    name: str
    price: int
    member: bool


def set_group(connection: Connection, name: str, price: int) -> int:
    """Makes a group, or changes what joining costs from now on; its id. Raises LocalError."""
    if not 1 <= len(name) <= 64 or not 0 <= price <= UNITS_LIMIT:
        raise LocalError(f"a subscription's name has 1 to 64 characters, its price is 0 to {UNITS_LIMIT} units")
    known = connection.scalar(select(Group.group_id).where(Group.name == name))
    if known is not None:
        connection.execute(update(Group).where(Group.group_id == known).values(price=price))
        return known
    key = connection.execute(insert(Group).values(name=name, price=price)).inserted_primary_key
    assert key is not None
    return int(key[0])


def group_named(connection: Connection, name: str) -> int:
    """Raises Refused where there is none of that name."""
    found = connection.scalar(select(Group.group_id).where(Group.name == name))
    if found is None:
        raise Refused(NO_GROUP)
    return found


def tastes(connection: Connection, user_id: int | None = None) -> list[Taste]:
    """All groups by name, and which the user is in."""
    mine = (Member.group_id == Group.group_id) & (Member.user_id == user_id)
    look = select(Group.group_id, Group.name, Group.price, func.count(Member.user_id)).outerjoin(Member, mine)
    rows = connection.execute(look.group_by(Group.group_id).order_by(Group.name))
    return [Taste(row[0], row[1], row[2], bool(row[3])) for row in rows]


def join(connection: Connection, user_id: int, group_id: int, now_ms: int, seen: int | None = None) -> bool:
    """The user is in it, and has paid for it; False: was already. `seen`: the price that the user has seen.

    Raises Refused; nothing is changed then.
    """
    user = ledger.locked_user(connection, user_id)
    price = connection.scalar(select(Group.price).where(Group.group_id == group_id))
    if price is None:
        raise Refused(NO_GROUP)
    mine = (Member.group_id == group_id, Member.user_id == user_id)
    if connection.scalar(select(Member.group_id).where(*mine)) is not None:
        return False
    if seen is not None and seen != price:
        raise Refused(PRICE_CHANGED)
    connection.execute(insert(Member).values(group_id=group_id, user_id=user_id, since_ms=now_ms))
    lines = ledger.moved(ledger.USER, ledger.SALES, price, user_id)
    ledger.book(connection, ledger.JOIN, user_id, now_ms, lines, note_of(group_id))
    if price and not pay(connection, user.account_id, price):
        raise Refused(NO_UNITS)
    return True


def note_of(group_id: int) -> str:
    """What the ledger notes of joining this group."""
    return f"subscription {group_id}"


def leave(connection: Connection, user_id: int, group_id: int) -> bool:
    """What the user buys from now on has keys of its own; what was bought stays. False: was not in it."""
    ledger.locked_user(connection, user_id)
    mine = (Member.group_id == group_id, Member.user_id == user_id)
    return connection.execute(delete(Member).where(*mine)).rowcount == 1


def key_of(connection: Connection, vault: Vault, group_id: int) -> bytes:
    """The id of the members' key, which is drawn for the first who wants it."""
    look = select(Group.key_id).where(Group.group_id == group_id)
    found = connection.scalar(look.with_for_update())
    if found is None:
        found = vault.put(connection, secrets.token_bytes(KEY_BYTES))
        connection.execute(update(Group).where(Group.group_id == group_id).values(key_id=found))
    return found
