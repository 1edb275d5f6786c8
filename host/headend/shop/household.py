"""Households: which portable players an account has, and the list of them that each of its terminals gets
(docs/protocols/dock.md).

A player is provisioned like a terminal, and is of one household at a time. The list is sealed for one terminal, with a
key for each pair of it and a player; its serials grow over all lists, so that a terminal knows the newest.
"""

import secrets
from dataclasses import dataclass
from typing import NamedTuple

from Crypto.Cipher import AES
from Crypto.Hash import SHA256
from Crypto.Protocol.KDF import HKDF
from settop.wire import dock as wire
from settop.wire import household as sealed
from settop.wire.ids import TERMINAL_ID_BYTES
from sqlalchemy import Connection, func, insert, select, update

from headend.accounts.models import Terminal
from headend.accounts.terminals import DeviceKeys, SealedKey
from headend.shop import ledger
from headend.shop.models import Household, HouseholdList, HouseholdPlayer
from headend.shop.refusals import HOUSEHOLD_FULL, NO_PLAYER, PLAYER_TAKEN, Refused

MEMBERS = 5
"""Players that a household may have where nothing else was said."""


@dataclass(frozen=True)
class Player:
    """`left_ms`: since when it is no member any more, or None."""

    player_id: bytes
    joined_ms: int
    left_ms: int | None


def join(connection: Connection, user_id: int, player_id: bytes, now_ms: int) -> bool:
    """The player is of this user's household; False: was already. Raises Refused where the household has as many as it
    may, for a player that nobody provisioned, and for one of another household.
    """
    home = _home(connection, user_id)
    _locked_terminal(connection, player_id)
    member_of = select(HouseholdPlayer.user_id).where(
        HouseholdPlayer.player_id == player_id, HouseholdPlayer.left_ms.is_(None)
    )
    now_of = connection.scalar(member_of)
    if now_of is not None:
        if now_of != user_id:
            raise Refused(PLAYER_TAKEN)
        return False
    mine = (HouseholdPlayer.user_id == user_id, HouseholdPlayer.left_ms.is_(None))
    if (connection.scalar(select(func.count()).where(*mine)) or 0) >= home.most:
        raise Refused(HOUSEHOLD_FULL)
    again = update(HouseholdPlayer).where(HouseholdPlayer.user_id == user_id, HouseholdPlayer.player_id == player_id)
    if not connection.execute(again.values(joined_ms=now_ms, left_ms=None)).rowcount:
        row = {"user_id": user_id, "player_id": player_id, "joined_ms": now_ms}
        connection.execute(insert(HouseholdPlayer).values(**row))
    _change(connection, user_id)
    return True


def leave(connection: Connection, user_id: int, player_id: bytes, now_ms: int) -> bool:
    """The player has left, or was lost: it loses its keys when it comes to a terminal of the household. False: it was
    no member."""
    _home(connection, user_id)
    mine = (
        HouseholdPlayer.user_id == user_id,
        HouseholdPlayer.player_id == player_id,
        HouseholdPlayer.left_ms.is_(None),
    )
    if not connection.execute(update(HouseholdPlayer).where(*mine).values(left_ms=now_ms)).rowcount:
        return False
    _change(connection, user_id)
    return True


def players_of(connection: Connection, user_id: int) -> list[Player]:
    """Members in the order in which they joined, then those that have left, the latest first."""
    look = select(HouseholdPlayer.player_id, HouseholdPlayer.joined_ms, HouseholdPlayer.left_ms)
    found = [Player(*row) for row in connection.execute(look.where(HouseholdPlayer.user_id == user_id))]
    members = sorted((one for one in found if one.left_ms is None), key=lambda one: (one.joined_ms, one.player_id))
    gone = sorted((one for one in found if one.left_ms is not None), key=lambda one: (one.left_ms, one.player_id))
    return members + gone[::-1]


def newest(connection: Connection, user_id: int, terminal_id: bytes) -> int | None:
    """The serial of the terminal's list, if that is of this user's household and nothing has changed since; 0: there is
    neither list nor household.
    """
    changes = connection.scalar(select(Household.changes).where(Household.user_id == user_id))
    found = _latest(connection, terminal_id)
    if found is None and changes is None:
        return 0
    return int(found.serial) if found is not None and (found.user_id, found.changes) == (user_id, changes) else None


def set_most(connection: Connection, user_id: int, most: int) -> None:
    """How many members there may be, 1 to settop.wire.household.MOST; those that are more stay. Raises Refused."""
    home = _home(connection, user_id)
    members = [one for one in players_of(connection, user_id) if one.left_ms is None]
    if not max(1, len(members)) <= most <= sealed.MOST:
        raise Refused(HOUSEHOLD_FULL)
    if most != home.most:
        connection.execute(update(Household).where(Household.user_id == user_id).values(most=most))
        _change(connection, user_id)


def list_for(connection: Connection, keys: DeviceKeys, user_id: int, terminal_id: bytes) -> bytes:
    """The household's list for a terminal of this user: what `settop.wire.household.pack_command` brings there. The
    same until something changes. Raises Refused for a terminal that nobody provisioned.

    Whose the terminal is, whoever calls this has to know.
    """
    home = _home(connection, user_id)
    row = _locked_terminal(connection, terminal_id)
    own = _open(keys, terminal_id, row)
    players = []
    for one in players_of(connection, user_id)[: sealed.PLAYERS]:
        key = _open(keys, one.player_id, _locked_terminal(connection, one.player_id))
        info = wire.pair_info(one.player_id, terminal_id)
        standing = wire.MEMBER if one.left_ms is None else wire.GONE
        players.append((standing, one.player_id, HKDF(key, wire.PAIR_BYTES, b"", SHA256, context=info)))
    content = bytes(sealed.pack_list(home.most, players))
    head = sealed.pack_head(home.household_id, _serial(connection, user_id, terminal_id, home.changes))
    key = HKDF(own, sealed.KEY_BYTES, b"", SHA256, context=sealed.info_of(terminal_id))
    assert isinstance(key, bytes)
    cipher = AES.new(key, AES.MODE_CCM, nonce=head + b"\0", mac_len=sealed.TAG_BYTES)
    cipher.update(head)
    sealed_content, tag = cipher.encrypt_and_digest(content)
    return bytes(head) + sealed_content + tag


class _Home(NamedTuple):
    household_id: bytes
    most: int
    changes: int


def _home(connection: Connection, user_id: int) -> _Home:
    """The user's household, locked with the user; it is made where there was none."""
    ledger.locked_user(connection, user_id)
    look = select(Household.household_id, Household.most, Household.changes).where(Household.user_id == user_id)
    found = connection.execute(look).one_or_none()
    if found is not None:
        return _Home(*found)
    made = _Home(secrets.token_bytes(wire.HOUSEHOLD_BYTES), MEMBERS, 0)
    connection.execute(insert(Household).values(user_id=user_id, **made._asdict()))
    return made


def _change(connection: Connection, user_id: int) -> None:
    mine = update(Household).where(Household.user_id == user_id)
    connection.execute(mine.values(changes=Household.changes + 1))


def _serial(connection: Connection, user_id: int, terminal_id: bytes, changes: int) -> int:
    """Of the terminal's list: another one where its household is another, or has changed. One serial is never two
    lists, or two contents would be sealed with one nonce."""
    found = _latest(connection, terminal_id)
    if found is not None and (found.user_id, found.changes) == (user_id, changes):
        return int(found.serial)
    row = {"terminal_id": terminal_id, "user_id": user_id, "changes": changes}
    key = connection.execute(insert(HouseholdList).values(**row)).inserted_primary_key
    assert key is not None
    return int(key[0])


class _Latest(NamedTuple):
    serial: int
    user_id: int
    changes: int


def _latest(connection: Connection, terminal_id: bytes) -> _Latest | None:
    mine = select(HouseholdList.serial, HouseholdList.user_id, HouseholdList.changes)
    latest = mine.where(HouseholdList.terminal_id == terminal_id).order_by(HouseholdList.serial.desc()).limit(1)
    found = connection.execute(latest).one_or_none()
    return None if found is None else _Latest(*found)


def _locked_terminal(connection: Connection, terminal_id: bytes) -> SealedKey:
    """The key of a provisioned terminal or player, whose row nobody else changes until the end. Raises Refused."""
    if len(terminal_id) != TERMINAL_ID_BYTES:
        raise Refused(NO_PLAYER)
    look = select(Terminal.key_version, Terminal.sealed_key).where(Terminal.terminal_id == terminal_id)
    found = connection.execute(look.with_for_update()).one_or_none()
    if found is None:
        raise Refused(NO_PLAYER)
    return SealedKey(found.key_version, found.sealed_key)


def _open(keys: DeviceKeys, terminal_id: bytes, row: SealedKey) -> bytes:
    key = keys.open(terminal_id, row)
    assert key is not None
    return key
