"""Who was wrong often is slowed down: for a time nothing is tried for that subject, right or wrong.

A try is counted before it is made, so that a thousand at the same instant are no more than one after the other. New
accounts are counted too, by where they are asked for, and players, by whose they are to be: so many in an hour.
"""

import hashlib
import ipaddress

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from headend.shop.models import Failures
from headend.shop.refusals import SLOW_DOWN, Refused

FREE = 4
"""So many tries follow each other without a wait."""
FIRST_WAIT_MS = 1_000
LONGEST_WAIT_MS = 15 * 60 * 1000
FORGOTTEN_MS = 24 * 60 * 60 * 1000
_DOUBLINGS = 20
LOGIN, CARD, ACCOUNT, PLAYER = "login", "card", "account", "player"
HOUR_MS = 60 * 60 * 1000
ASKED_AN_HOUR = 100
"""Accounts that one address, or one terminal's client, may ask for, and players one user; whether they come about or
not."""


def subject(kind: str, who: bytes) -> bytes:
    """By what failures are counted: never what was typed itself."""
    return hashlib.sha256(kind.encode() + b"\0" + who).digest()[:16]


def count_try(connection: Connection, who: bytes, now_ms: int) -> None:
    """A try begins. Raises Refused (SLOW_DOWN) where it is too early for it; it does not count then."""
    tries, until_ms = _locked(connection, who, now_ms)
    if now_ms < until_ms:
        raise Refused(SLOW_DOWN, min(until_ms - now_ms, LONGEST_WAIT_MS))
    _set(connection, who, tries + 1, now_ms + wait_ms(tries + 1))


def count_asked(connection: Connection, who: bytes, now_ms: int, most: int = ASKED_AN_HOUR) -> None:
    """Somebody asks for an account, or for a player. Raises Refused (SLOW_DOWN) where `most` were asked for in the hour
    that began with the first of them; it does not count then.
    """
    asked, until_ms = _locked(connection, who, now_ms)
    if now_ms >= until_ms:
        asked, until_ms = 0, now_ms + HOUR_MS
    if asked >= most:
        raise Refused(SLOW_DOWN, min(until_ms - now_ms, HOUR_MS))
    _set(connection, who, asked + 1, until_ms)


def place_of(address: str) -> bytes:
    """What accounts are counted by: an address, of IPv6 the network of 64 bits that one household has."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:  # a socket without one
        return address.encode()
    if isinstance(found, ipaddress.IPv6Address):
        return found.packed[:8] if found.ipv4_mapped is None else found.ipv4_mapped.packed
    return found.packed


def succeeded(connection: Connection, who: bytes) -> None:
    """The try was right: nothing is held against the subject."""
    connection.execute(delete(Failures).where(Failures.subject == who))


def _locked(connection: Connection, who: bytes, now_ms: int) -> tuple[int, int]:
    """(count, until ms) of a subject's row, which nobody else changes until the end."""
    _forget(connection, now_ms)
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    new = dialect.insert(Failures).values(subject=who, count=0, until_ms=0, last_ms=now_ms)
    # One statement: a row that is found and then locked may have gone in between, by somebody's success.
    locked = new.on_conflict_do_update(index_elements=["subject"], set_={"last_ms": now_ms})
    found = connection.execute(locked.returning(Failures.count.label("tries"), Failures.until_ms)).one()
    return found.tries, found.until_ms


def _set(connection: Connection, who: bytes, count: int, until_ms: int) -> None:
    connection.execute(update(Failures).where(Failures.subject == who).values(count=count, until_ms=until_ms))


def _forget(connection: Connection, now_ms: int) -> None:
    """What is old goes, but for what somebody is at: of two that clean up none waits for the other."""
    old = select(Failures.subject).where(Failures.last_ms < now_ms - FORGOTTEN_MS).with_for_update(skip_locked=True)
    connection.execute(delete(Failures).where(Failures.subject.in_(old)))


def wait_ms(count: int) -> int:
    """How long nothing is tried behind the try of this number (1 is the first)."""
    return 0 if count < FREE else min(FIRST_WAIT_MS << min(count - FREE, _DOUBLINGS), LONGEST_WAIT_MS)
