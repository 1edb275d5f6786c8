"""Clients: an id and a communication key each, which is renewed; the key goes over no open line.

A renewal cannot know whether its answer arrived. So there may be two keys for a time: the one in use, and a next one,
which is the same however often it is asked for. The first use of the next one ends the other.
"""

import secrets
from dataclasses import dataclass, field
from typing import NamedTuple

from settop.wire.shop_channel import CLIENT
from sqlalchemy import Connection, delete, insert, select, update

from headend.accounts.vault import Vault
from headend.shop.models import Card, ChannelPlace, Client, ClientTerminal
from headend.shop.refusals import NO_CLIENT, Refused

ID_BYTES = 8
KEY_BYTES = 32
RENEWAL_MS = 30 * 24 * 60 * 60 * 1000
"""A key is due to be renewed when it is so old."""
UNUSED_MS = RENEWAL_MS
"""A client that has asked for nothing since it registered is forgotten behind that: its answer was lost on the way, and
the terminal has registered anew."""


@dataclass(frozen=True)
class ClientKey:
    """`number`: counts a client's keys, from 1."""

    client_id: bytes
    number: int
    key: bytes = field(repr=False)


def register(connection: Connection, vault: Vault, now_ms: int, key: bytes | None = None) -> ClientKey:
    """A new client, which nobody has signed in on yet: its id and first key, which is drawn where none is given."""
    _forget_unused(connection, vault, now_ms)
    client_id, key = secrets.token_bytes(ID_BYTES), key or secrets.token_bytes(KEY_BYTES)
    row = {"key_id": vault.put(connection, key), "key_number": 1, "key_since_ms": now_ms}
    connection.execute(insert(Client).values(client_id=client_id, **row))
    return ClientKey(client_id, 1, key)


def keys_of(connection: Connection, vault: Vault, client_id: bytes) -> list[ClientKey]:
    """The keys that open a channel: the one in use and, where one has left, the next. None for an unknown client."""
    found = _find(connection, client_id)
    if found is None:
        return []
    keys = [ClientKey(client_id, found.key_number, vault.get(connection, found.key_id))]
    if found.next_key_id is not None:
        keys.append(ClientKey(client_id, found.key_number + 1, vault.get(connection, found.next_key_id)))
    return keys


def used(connection: Connection, vault: Vault, client_id: bytes, number: int, now_ms: int) -> bool:
    """The client has shown that it has this key; whether it may go on. The first use of the next one ends the other."""
    found = _find(connection, client_id, lock=True)
    if found is None or number not in (found.key_number, found.key_number + 1):
        return False
    if number == found.key_number:
        return True
    if found.next_key_id is None:
        return False
    new = {"key_id": found.next_key_id, "key_number": number, "key_since_ms": now_ms, "next_key_id": None}
    connection.execute(update(Client).where(Client.client_id == client_id).values(**new))
    vault.drop(connection, found.key_id)
    return True


def is_due(connection: Connection, client_id: bytes, now_ms: int) -> bool:
    """Whether the client should renew its key. Raises Refused for an unknown one."""
    found = _find(connection, client_id)
    if found is None:
        raise Refused(NO_CLIENT)
    return found.next_key_id is not None or now_ms - found.key_since_ms >= RENEWAL_MS


def renew(connection: Connection, vault: Vault, client_id: bytes, key: bytes | None = None) -> ClientKey:
    """The next key. `key`: what both ends have agreed on, which takes the place of one that was never used; where none
    is given it is drawn, once. Raises Refused for an unknown client.
    """
    found = _find(connection, client_id, lock=True)
    if found is None:
        raise Refused(NO_CLIENT)
    if found.next_key_id is not None and key is None:
        return ClientKey(client_id, found.key_number + 1, vault.get(connection, found.next_key_id))
    next_key = key or secrets.token_bytes(KEY_BYTES)
    key_id = vault.put(connection, next_key)
    connection.execute(update(Client).where(Client.client_id == client_id).values(next_key_id=key_id))
    if found.next_key_id is not None:
        vault.drop(connection, found.next_key_id)
    return ClientKey(client_id, found.key_number + 1, next_key)


def user_of(connection: Connection, client_id: bytes) -> int | None:
    """Who has signed in on it. Raises Refused for an unknown client."""
    found = _find(connection, client_id)
    if found is None:
        raise Refused(NO_CLIENT)
    return found.user_id


def clients_of(connection: Connection, user_id: int) -> list[bytes]:
    """The ids of a user's clients."""
    mine = (Client.user_id == user_id, Client.removed_ms.is_(None))
    return list(connection.scalars(select(Client.client_id).where(*mine).order_by(Client.client_id)))


def remove(connection: Connection, client_id: bytes, user_id: int, now_ms: int) -> None:
    """The client counts as unknown from now on. Raises Refused where it is not this user's."""
    mine = (Client.client_id == client_id, Client.user_id == user_id, Client.removed_ms.is_(None))
    if not connection.execute(update(Client).where(*mine).values(removed_ms=now_ms)).rowcount:
        raise Refused(NO_CLIENT)


def _forget_unused(connection: Connection, vault: Vault, now_ms: int) -> None:
    """Of two that clean up none waits for the other."""
    look = select(Client.client_id, Client.key_id).where(
        Client.user_id.is_(None),
        Client.removed_ms.is_(None),
        Client.key_number == 1,
        Client.next_key_id.is_(None),
        Client.key_since_ms < now_ms - UNUSED_MS,
        Client.client_id.not_in(select(Card.client_id).where(Card.client_id.is_not(None))),
    )
    old = connection.execute(look.with_for_update(skip_locked=True)).all()
    peers = {bytes((CLIENT,)) + client_id: (client_id, key_id) for client_id, key_id in old}
    known = set(connection.scalars(select(ChannelPlace.peer).where(ChannelPlace.peer.in_(peers)))) if peers else set()
    for client_id, key_id in [row for peer, row in peers.items() if peer not in known]:
        connection.execute(delete(ClientTerminal).where(ClientTerminal.client_id == client_id))
        connection.execute(delete(Client).where(Client.client_id == client_id))
        vault.drop(connection, key_id)


class _Found(NamedTuple):
    key_id: bytes
    key_number: int
    key_since_ms: int
    next_key_id: bytes | None
    user_id: int | None


def _find(connection: Connection, client_id: bytes, lock: bool = False) -> _Found | None:
    columns = select(Client.key_id, Client.key_number, Client.key_since_ms, Client.next_key_id, Client.user_id)
    look = columns.where(Client.client_id == client_id, Client.removed_ms.is_(None))
    found = connection.execute(look.with_for_update() if lock else look).one_or_none()
    return None if found is None else _Found(*found)
