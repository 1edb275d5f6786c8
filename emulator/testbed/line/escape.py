"""The escape from online data to online command state: guard time, three characters, guard time."""

from testbed.line.registers import Profile


class EscapeWatch:
    """Counts escape characters: the first after a guard time of silence, the others closer than that."""

    def __init__(self) -> None:
        self._count = 0
        self._typed_ms = 0  # last byte from the DTE in online data state

    def begin(self, now_ms: int) -> None:
        """Online data state is entered."""
        self._typed_ms = now_ms

    def reset(self) -> None:
        """Online data state is left."""
        self._count = 0

    def see(self, byte: int, profile: Profile, now_ms: int) -> None:
        """A byte from the DTE."""
        guard_ms = profile.guard_ms
        quiet_ms = now_ms - self._typed_ms
        self._typed_ms = now_ms
        if byte != profile.escape_char:
            self._count = 0
        elif quiet_ms >= guard_ms and (self._count == 0 or guard_ms):
            self._count = 1
        elif 1 <= self._count <= 2:
            self._count += 1
        else:
            self._count = 0

    def due_ms(self, profile: Profile) -> int | None:
        """When it is an escape, unless a byte comes before."""
        return self._typed_ms + profile.guard_ms if self._count == 3 else None
