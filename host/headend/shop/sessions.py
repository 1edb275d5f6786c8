"""Sessions of users who signed in by HTTP: a token that is said once, of which the database has a digest.

Within the caller's transaction.
"""

import hashlib
import secrets

from sqlalchemy import Connection, bindparam, delete, insert, select

from headend.shop.models import Session
from headend.shop.refusals import NO_SESSION, Refused

TOKEN_BYTES = 32
TOKEN_CHARACTERS = 43
"""In base64url without padding."""
VALID_MS = 30 * 24 * 60 * 60 * 1000
"""A session is over so long after its user signed in."""
SESSIONS_LIMIT = 50
"""Of one user; a further one takes the oldest one's place."""

_FIND = select(Session.user_id).where(Session.token == bindparam("token"), Session.until_ms > bindparam("now"))
"""Made once: to put a statement together takes longer than the database does."""


def begin(connection: Connection, user_id: int, now_ms: int) -> str:
    """A new session's token, which nothing can tell again. Sessions that are over go."""
    connection.execute(delete(Session).where(Session.user_id == user_id, Session.until_ms <= now_ms))
    kept = (
        select(Session.token)
        .where(Session.user_id == user_id)
        .order_by(Session.made_ms.desc(), Session.token)
        .offset(SESSIONS_LIMIT - 1)
    )
    for old in connection.scalars(kept).all():
        connection.execute(delete(Session).where(Session.token == old))
    token = secrets.token_urlsafe(TOKEN_BYTES)
    row = {"token": digest(token), "user_id": user_id, "made_ms": now_ms, "until_ms": now_ms + VALID_MS}
    connection.execute(insert(Session).values(**row))
    return token


def user_of(connection: Connection, token: str, now_ms: int) -> int:
    """Whose session it is. Raises Refused for one that is unknown or over."""
    found = connection.scalar(_FIND, {"token": digest(token), "now": now_ms})
    if found is None:
        raise Refused(NO_SESSION)
    return int(found)


def end(connection: Connection, token: str) -> None:
    """The session is over."""
    connection.execute(delete(Session).where(Session.token == digest(token)))


def digest(token: str) -> bytes:
    """What the database has of a token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
