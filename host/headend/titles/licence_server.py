"""Answers players that ask for licences by Clear Key (W3C Encrypted Media Extensions, 9.1): what the messages mean.

A temporary licence is given and forgotten. A persistent one begins a session, which may be loaded and renewed until
its end, unless it was released. Who may have a key is not asked here: a server has the keys of whom it serves.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from settop.errors import LocalError, RemoteError

from headend.titles.licence import PERSISTENT, TEMPORARY, Licence, read_message, release_text

ID_BYTES = 16
MESSAGE_LIMIT = 64 << 10
SESSIONS_LIMIT = 10_000
LONGEST_MS = 100 * 366 * 86_400_000


class RefusedError(RemoteError):
    """The message is understood, and what it wants is not given."""


@dataclass(frozen=True, slots=True)
class Session:
    """A persistent licence: `id`, 32 hex digits that who has them may act by; the ids of its keys; `number` of its
    licences so far; `end_ms` of the last one (since 1970), None: it has none; `released`: the player gave it back. Its
    repr does not have the id.
    """

    id: str = field(repr=False)
    kids: tuple[bytes, ...]
    number: int
    end_ms: int | None
    released: bool = False

    def over(self, now_ms: int) -> bool:
        """Whether it is of no use any more."""
        return self.released or (self.end_ms is not None and now_ms >= self.end_ms)


class Sessions(Protocol):
    """Where sessions are kept. `headend.titles.session_files` has them in a folder."""

    def find(self, name: str) -> Session | None:
        """The session of that id. Raises RemoteError where it is there and damaged."""

    def keep(self, session: Session) -> object:
        """For good, in the place of what had its id."""

    def drop(self, name: str) -> object:
        """Forget it, where it is there."""

    def names(self) -> Iterable[str]:
        """The ids of all that are kept."""


class LicenceServer:
    """`keys` by key id, which may change; `random(n)`: octets that nobody can guess; `life_ms`: how long a persistent
    licence is good for, None: for ever. Raises LocalError for a life that is none.
    """

    def __init__(
        self,
        keys: Mapping[bytes, bytes],
        sessions: Sessions,
        random: Callable[[int], bytes],
        life_ms: int | None = None,
    ) -> None:
        if life_ms is not None and not 0 < life_ms <= LONGEST_MS:
            raise LocalError(f"a licence is good for 1 to {LONGEST_MS} ms, not {life_ms}")
        self._keys = keys
        self._sessions = sessions
        self._random = random
        self._life_ms = life_ms

    def answer(self, message: bytes, now_ms: int, session: str = "") -> bytes:
        """What a player's message gets: a request a licence, with `session` a new one for that session; a release its
        acknowledgement. now_ms: since 1970.

        Raises RefusedError: no such key, or the session is not there, over, or of other keys. RemoteError: no message,
        or a session that is damaged.
        """
        if len(message) > MESSAGE_LIMIT:
            raise RemoteError(f"the message has {len(message)} bytes; up to {MESSAGE_LIMIT} are read")
        kids, kind = read_message(message)
        if kind is None:
            return self._release(kids, session)
        if session:
            return self._renew(kids, kind, session, now_ms)
        held = tuple(kid for kid in kids if kid in self._keys)
        if not held:
            raise RefusedError(f"no key of these ids: {', '.join(kid.hex() for kid in kids[:4])}")
        if kind == TEMPORARY:
            return Licence({kid: self._keys[kid] for kid in held}).text()
        return self._begin(held, now_ms)

    def load(self, session: str, now_ms: int) -> bytes:
        """The licence of a session once more, with its end as it was. Raises as `answer`."""
        return self._text(self._living(session, now_ms))

    def _begin(self, kids: tuple[bytes, ...], now_ms: int) -> bytes:
        self._make_room(now_ms)
        made = Session(self._random(ID_BYTES).hex(), kids, 1, self._end(now_ms))
        text = self._text(made)
        self._sessions.keep(made)
        return text

    def _renew(self, kids: list[bytes], kind: str, name: str, now_ms: int) -> bytes:
        found = self._living(name, now_ms)
        # A player asks as it did for the first licence: it may name keys that this server did not have.
        if kind != PERSISTENT or not set(found.kids) <= set(kids):
            raise RefusedError("the request is not for the keys of this session")
        made = replace(found, number=found.number + 1, end_ms=self._end(now_ms))
        text = self._text(made)
        self._sessions.keep(made)
        return text

    def _release(self, kids: list[bytes], name: str) -> bytes:
        """Also of what is over; and again, for the acknowledgement may have been lost."""
        if not name:
            raise RemoteError("a release must say of which session")
        found = self._find(name)
        if set(kids) != set(found.kids):
            raise RefusedError("the release is not for the keys of this session")
        if not found.released:
            self._sessions.keep(replace(found, released=True))
        return release_text(kids)

    def _find(self, name: str) -> Session:
        found = self._sessions.find(name) if is_id(name) else None
        if found is None:
            raise RefusedError("there is no such session")
        return found

    def _living(self, name: str, now_ms: int) -> Session:
        found = self._find(name)
        if found.released:
            raise RefusedError("the session was released")
        if found.over(now_ms):
            raise RefusedError("the session is over")
        return found

    def _end(self, now_ms: int) -> int | None:
        return None if self._life_ms is None else now_ms + self._life_ms

    def _text(self, session: Session) -> bytes:
        held = {kid: self._keys[kid] for kid in session.kids if kid in self._keys}
        if len(held) != len(session.kids):
            raise RefusedError("a key of this session is not here any more")
        return Licence(held, PERSISTENT).text(session.id, session.end_ms)

    def _make_room(self, now_ms: int) -> None:
        """Where there are as many as may be, those that are of no use go."""
        names = list(self._sessions.names())
        if len(names) < SESSIONS_LIMIT:
            return
        for name in names:
            try:
                found = self._sessions.find(name)
            except RemoteError:
                continue  # damaged: for a person to look at
            if found is not None and found.over(now_ms):
                self._sessions.drop(name)
                return
        raise RefusedError(f"there are {SESSIONS_LIMIT} sessions already")


def is_id(text: str) -> bool:
    """Whether it could be a session's."""
    return len(text) == 2 * ID_BYTES and not text.strip("0123456789abcdef")
