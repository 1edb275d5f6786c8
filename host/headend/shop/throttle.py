"""Who was wrong often is slowed down: for a time nothing is tried for that subject, right or wrong.

A try is counted before it is made, so that a thousand at the same instant are no more than one after the other.
"""

import hashlib

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
LOGIN, CARD = "login", "card"


def subject(kind: str, who: bytes) -> bytes:
    """By what failures are counted: never what was typed itself."""
    return hashlib.sha256(kind.encode() + b"\0" + who).digest()[:16]


def count_try(connection: Connection, who: bytes, now_ms: int) -> None:
    """A try begins. Raises Refused (SLOW_DOWN) where it is too early for it; it does not count then."""
    _forget(connection, now_ms)
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    new = dialect.insert(Failures).values(subject=who, count=0, until_ms=0, last_ms=now_ms)
    # One statement: a row that is found and then locked may have gone in between, by somebody's success.
    locked = new.on_conflict_do_update(index_elements=["subject"], set_={"last_ms": now_ms})
    found = connection.execute(locked.returning(Failures.count.label("tries"), Failures.until_ms)).one()
    mine = Failures.subject == who
    if now_ms < found.until_ms:
        raise Refused(SLOW_DOWN, min(found.until_ms - now_ms, LONGEST_WAIT_MS))
    count = found.tries + 1
    connection.execute(update(Failures).where(mine).values(count=count, until_ms=now_ms + wait_ms(count)))


def succeeded(connection: Connection, who: bytes) -> None:
    """The try was right: nothing is held against the subject."""
    connection.execute(delete(Failures).where(Failures.subject == who))


def _forget(connection: Connection, now_ms: int) -> None:
    """What is old goes, but for what somebody is at: of two that clean up none waits for the other."""
    old = select(Failures.subject).where(Failures.last_ms < now_ms - FORGOTTEN_MS).with_for_update(skip_locked=True)
    connection.execute(delete(Failures).where(Failures.subject.in_(old)))


def wait_ms(count: int) -> int:
    """How long nothing is tried behind the try of this number (1 is the first)."""
    return 0 if count < FREE else min(FIRST_WAIT_MS << min(count - FREE, _DOUBLINGS), LONGEST_WAIT_MS)
