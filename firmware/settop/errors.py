"""Errors that every room shares. Their text never holds a key, plaintext or password."""

FLASH_REFUSED = "the flash refused to be read or written (%s); provision again, or replace the board"


class RingcastError(Exception):
    """Base of everything that this package raises on purpose."""


class LocalError(RingcastError):
    """We misused a protocol or a component: a bug or a wrong setting on this side."""


class RemoteError(RingcastError):
    """The peer, or what we read from it, broke the rules: refused, counted, never fatal to the caller."""
