"""A title file through the terminal's reader on CPython: its samples, or what the real codec's unit gives the chip."""

import sys
from collections.abc import Mapping
from pathlib import Path

from testbed.machines.cpython import use_shims

sys.path.append(str(Path(__file__).parent.parent / "vectors"))
use_shims()
from settop.titles.header import FILM, SOUND  # noqa: E402
from settop.titles.reader import TitleReader  # noqa: E402
from title_rig import Heard, play  # noqa: E402

KINDS = {"h264": FILM, "hevc": FILM}


class Keystore:
    """Keys by id; `asked`: the ids that it was asked for."""

    def __init__(self, known: Mapping[bytes, bytes]) -> None:
        self._known = known
        self.asked: list[bytes] = []

    def __call__(self, kid: bytes) -> bytearray | None:
        self.asked.append(kid)
        found = self._known.get(kid)
        return None if found is None else bytearray(found)


class Chip:
    """Takes everything."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, octets, start: int, end: int) -> int:
        self.data += bytes(octets[start:end])
        return end - start


def read(path: Path, codec: str, keystore, step: int = 1000, unit: Heard | None = None) -> list[bytes]:
    """The samples of the first track of that codec's kind. RemoteError; what was good is with `unit`."""
    unit = unit or Heard()
    reader = TitleReader(keystore, None, KINDS.get(codec, SOUND), unit.make)
    play(reader, path.read_bytes(), step)
    reader.close()
    return unit.whole()


def to_the_chip(path: Path, keystore) -> bytes:
    """What the codec's own unit writes."""
    chip = Chip()
    play(TitleReader(keystore, chip), path.read_bytes(), 1000)
    return chip.data
