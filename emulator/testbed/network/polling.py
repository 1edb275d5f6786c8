"""MicroPython's `select` on CPython, for sockets of testbed.network.sockets. Nothing waits: what is ready is found."""

from collections.abc import Iterator
from typing import Protocol

POLLIN, POLLOUT, POLLERR, POLLHUP, POLLNVAL = 1, 4, 8, 16, 32


class Pollable(Protocol):
    def poll_flags(self, wanted: int) -> int:
        """What is ready of what is wanted, and what is always told."""


class Poll:
    """A poll object. Time-outs are taken and not waited for, as time passes elsewhere."""

    def __init__(self) -> None:
        self._wanted: dict[Pollable, int] = {}

    def register(self, thing: Pollable, wanted: int = POLLIN | POLLOUT) -> None:
        self._wanted[thing] = wanted

    def modify(self, thing: Pollable, wanted: int) -> None:
        """OSError ENOENT: it was never registered."""
        if thing not in self._wanted:
            raise OSError(2, "not registered")
        self._wanted[thing] = wanted

    def unregister(self, thing: Pollable) -> None:
        self._wanted.pop(thing, None)

    def poll(self, timeout_ms: int = -1) -> list[tuple[Pollable, int]]:
        """(thing, what is ready) of each that has something."""
        found = [(thing, thing.poll_flags(wanted)) for thing, wanted in self._wanted.items()]
        return [(thing, flags) for thing, flags in found if flags]

    def ipoll(self, timeout_ms: int = -1, flags: int = 0) -> Iterator[tuple[Pollable, int]]:
        """The same; flags 1: each thing is asked for no longer once it was found."""
        for thing, ready in self.poll(timeout_ms):
            if flags & 1:
                self._wanted[thing] = 0
            yield thing, ready


class Select:
    """The module."""

    POLLIN, POLLOUT, POLLERR, POLLHUP = POLLIN, POLLOUT, POLLERR, POLLHUP
    poll = Poll
