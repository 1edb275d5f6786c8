"""Passwords by Argon2id (RFC 9106). Whoever is unknown costs the same work as a wrong password."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

SHORTEST, LONGEST = 8, 200


class Passwords:
    """time_cost passes over memory_kib (KiB) on one thread: by default as RFC 9106 recommends where memory is dear."""

    def __init__(self, time_cost: int = 3, memory_kib: int = 65_536) -> None:
        self._hasher = PasswordHasher(time_cost, memory_kib, parallelism=1, type=Type.ID)
        self._nobodys = self._hasher.hash("")

    def digest(self, password: str) -> str:
        """Argon2's text, with a salt of its own."""
        return self._hasher.hash(password)

    def fits(self, digest: str | None, password: str) -> bool:
        """Whether it is the password of this text; of None never, after the same work."""
        try:
            return self._hasher.verify(digest or self._nobodys, password) and digest is not None
        except (VerificationError, InvalidHashError):
            return False

    def outdated(self, digest: str) -> bool:
        """Whether the text was made with other costs than today's."""
        return self._hasher.check_needs_rehash(digest)
