"""How many octets passed a place, slice by slice of time: what a report draws."""

SLICE_MS = 100


class Meter:
    """`slices`: octets of each slice of SLICE_MS in which some passed, by its number from the start of the run."""

    def __init__(self) -> None:
        self.slices: dict[int, int] = {}
        self.octets = 0

    def count(self, octets: int, now_ms: int) -> None:
        if octets:
            self.octets += octets
            number = now_ms // SLICE_MS
            self.slices[number] = self.slices.get(number, 0) + octets

    def between(self, from_ms: int, to_ms: int) -> tuple[int, ...]:
        """Of each slice from the one that `from_ms` is in up to `to_ms`."""
        return tuple(self.slices.get(number, 0) for number in range(from_ms // SLICE_MS, -(-to_ms // SLICE_MS)))
