"""Users: login, password, and which clients they have signed in on."""

import unicodedata

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from headend.accounts.money import open_account
from headend.shop.models import Client, User
from headend.shop.passwords import LONGEST, SHORTEST
from headend.shop.refusals import BAD_LOGIN_NAME, BAD_PASSWORD, LOGIN_TAKEN, NO_CLIENT, NOT_SIGNED_IN, Refused, is_text

LOGIN_LIMIT = 64


def login_of(typed: str) -> str:
    """As it is kept: two that look the same are the same. Raises Refused."""
    login = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", typed[: 4 * LOGIN_LIMIT]).casefold())
    is_plain = login.isprintable() and " " not in login
    if not 1 <= len(login) <= LOGIN_LIMIT or len(typed) > LOGIN_LIMIT or not is_plain:
        raise Refused(BAD_LOGIN_NAME)
    return login


def check_password(password: str) -> None:
    """Raises Refused for one that is too short or too long to be taken, or no text."""
    if not SHORTEST <= len(password) <= LONGEST or not is_text(password):
        raise Refused(BAD_PASSWORD)


def add_user(connection: Connection, login: str, digest: str, now_ms: int) -> int:
    """A new user with an empty account; the id. Raises Refused where the login is taken."""
    row = {"login": login, "password": digest, "account_id": open_account(connection, 0), "made_ms": now_ms}
    try:
        key = connection.execute(insert(User).values(**row)).inserted_primary_key
    except IntegrityError:
        raise Refused(LOGIN_TAKEN) from None
    assert key is not None
    return int(key[0])


def find_login(connection: Connection, login: str) -> tuple[int, str] | None:
    """(user_id, the password's digest), or None."""
    found = connection.execute(select(User.user_id, User.password).where(User.login == login)).one_or_none()
    return None if found is None else (found.user_id, found.password)


def is_on(connection: Connection, login: str, client_id: bytes) -> bool:
    """Whether the user of this login has signed in on this client."""
    on = (Client.client_id == client_id, Client.removed_ms.is_(None), User.login == login)
    look = select(User.user_id).join(Client, Client.user_id == User.user_id).where(*on)
    return connection.scalar(look) is not None


def login(connection: Connection, user_id: int) -> str:
    """A user's login. Raises Refused for an unknown one."""
    found = connection.scalar(select(User.login).where(User.user_id == user_id))
    if found is None:
        raise Refused(NOT_SIGNED_IN)
    return found


def set_password(connection: Connection, user_id: int, digest: str) -> None:
    """Another digest from now on."""
    connection.execute(update(User).where(User.user_id == user_id).values(password=digest))


def attach(connection: Connection, client_id: bytes, user_id: int) -> None:
    """The user has signed in on this client; whoever had before has not any more. Raises Refused."""
    known = (Client.client_id == client_id, Client.removed_ms.is_(None))
    if not connection.execute(update(Client).where(*known).values(user_id=user_id)).rowcount:
        raise Refused(NO_CLIENT)


def sign_out(connection: Connection, client_id: bytes) -> None:
    """Nobody has signed in on this client any more."""
    connection.execute(update(Client).where(Client.client_id == client_id).values(user_id=None))
