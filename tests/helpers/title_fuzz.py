"""A damaged title through the terminal's reader: measured, played, judged. And the memory of any such case."""

import gc
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from settop.errors import RemoteError
from testbed.machines.cpython import use_shims

sys.path.append(str(Path(__file__).parent.parent / "vectors"))
use_shims()
from settop.titles.reader import TitleReader  # noqa: E402
from title_rig import Heard, play  # noqa: E402

EVERY = 20
"""One case in so many is measured: it takes four times as long."""


class Counted(Heard):
    """Keeps the last sample alone, and how many octets came."""

    octets = 0

    def begin(self, size: int) -> None:
        super().begin(size)
        del self.samples[:-1]

    def write(self, octets, start: int, end: int) -> int:
        count = super().write(octets, start, end)
        self.octets += count
        return count


def is_clear(error: Exception) -> bool:
    """Whether it is one line for a person."""
    text = str(error)
    return 5 < len(text) < 200 and all(" " <= letter < "\x7f" for letter in text)


@contextmanager
def measured(number: int, most: int, told: Callable[[], str]) -> Iterator[None]:
    """Where it is case `number`'s turn: what is in the block takes less than `most` octets of memory. told: the case,
    for a person.
    """
    if number % EVERY:
        yield
        return
    gc.collect()
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < most, f"case {number}: {peak} octets of memory for {told()}"


def is_played(number: int, reader: TitleReader, unit: Counted, data: bytes, step: int, told: Callable[[], str]) -> bool:
    """Whether all of `data` was played, `step` octets at a time; if not, one clear error says why. unit: the reader's.

    Raises AssertionError for any other exception, and where more comes out than went in.
    """
    try:
        play(reader, data, step)
        whole = True
    except RemoteError as error:
        whole = False
        assert is_clear(error), f"case {number}: {told()}: {error}"
    except Exception as error:
        raise AssertionError(f"case {number}: {told()}, {step} a time, gave {error!r}") from error
    reader.close()
    # Each octet of media is of one sample at most.
    assert unit.octets <= len(data), f"case {number}: {told()}"
    return whole
