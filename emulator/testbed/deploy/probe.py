"""What a board says of itself, and whether our files would run there."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from settop.errors import LocalError, RemoteError

from testbed.boards.inside import Inside
from testbed.boards.profile import Board
from testbed.deploy.agent import Agent
from testbed.deploy.errors import BoardRaised

# MP_NATIVE_ARCH_*, py/persistentcode.h. A board with a Thumb core runs those of the smaller ones, too.
ARCHITECTURES = (
    "none", "x86", "x64", "armv6", "armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp", "xtensa", "xtensawin",
    "rv32imc",
)  # fmt: skip
_THUMB = range(4, 9)
PLATFORMS = {"rp2": "rp2", "esp32": "esp32", "stm32": "pyboard", "unix": "linux"}
"""sys.platform of each of MicroPython's ports that we know."""
_MACHINES = {
    "pico": r"^(?!.*Pico W\b).*RP2040",
    "pico_w": r"Pico W\b.*RP2040",
    "pico2": r"^(?!.*Pico 2 W\b).*RP2350",
    "pico2_w": r"Pico 2 W\b.*RP2350",
    "esp32": r"ESP32$",
    "pyboard": r"STM32F4",
}
"""What must be in `sys.implementation._machine`: the chip above all, as boards of other makers have names of their own.
A board with a radio is told apart because its image reaches further into the flash."""

_QUESTION = """\
import sys, os
def _q():
 i = sys.implementation
 v = tuple(i[1])[:3]
 m = getattr(i, '_machine', '')
 if not m and hasattr(os, 'uname'):
  m = os.uname()[4]
 s = os.statvfs('.' if os.getcwd() == '' else os.getcwd())
 p = sys.path[:]
 f = 0
 w = None
 try:
  sys.path[:] = ['.frozen']
  import settop
  f = 1
  from settop.inside import SERVICES, NETWORK, SOURCES
  w = SERVICES, NETWORK, SOURCES
 except ImportError:
  pass
 sys.path[:] = p
 sys.modules.pop('settop.inside', None)
 sys.modules.pop('settop', None)
 print(repr((i[0], v, sys.platform, m, getattr(i, '_mpy', 0), s[0], s[3] * (s[1] or s[0]), f, w)))
_q()
"""


@dataclass(frozen=True)
class Found:
    """A board's own words. mpy: `sys.implementation._mpy`; free_bytes: of the file system, in blocks of block_bytes;
    frozen: settop is inside the image. inside: what that says it holds; None of an image from before it did."""

    implementation: str
    version: tuple[int, ...]
    platform: str
    machine: str
    mpy: int
    block_bytes: int
    free_bytes: int
    frozen: bool
    inside: Inside | None = None

    @property
    def said(self) -> str:
        return f"{self.machine or self.platform}, MicroPython {'.'.join(map(str, self.version))}"


def probe(agent: Agent) -> Found:
    """Raises RemoteError where the board's answer is not understood."""
    try:
        said = agent.value(_QUESTION)
        name, version, platform, machine, mpy, block, free, frozen, inside = said
        return Found(name, tuple(version), platform, machine, mpy, block, free, bool(frozen), _inside(inside))
    except BoardRaised as error:
        raise RemoteError(
            f"the board does not say what it is ({error.line}): expected MicroPython with a file system"
        ) from None
    except (TypeError, ValueError):
        raise RemoteError("the board's answer is not understood: say the same again") from None


def _inside(said: object) -> Inside | None:
    """ValueError, TypeError: that is nothing that an image says."""
    if said is None:
        return None
    if not isinstance(said, tuple):
        raise TypeError("expected a tuple")
    services, network, sources = said
    return Inside(tuple(map(str, services)), bool(network), str(sources))


def check_board(found: Found, board: Board) -> None:
    """Raises LocalError where this is another board, RemoteError where its MicroPython will not do."""
    platform = PLATFORMS.get(board.port, board.port)
    if found.implementation != "micropython":
        raise RemoteError(f"the board runs {found.implementation}, expected MicroPython: put MicroPython on it")
    if found.platform != platform:
        raise LocalError(
            f"this is {found.said} ({found.platform}), and --board {board.name} is for the {platform} port: "
            "name the right board, or the port of the right one"
        )
    machine = _MACHINES.get(board.name, "")
    if not re.search(machine, found.machine, re.IGNORECASE):
        raise LocalError(
            f"this is {found.said}, which is no {board.name}: name the right board with --board, or the port of the "
            "right one with --port"
        )
    oldest = board.oldest_micropython
    if found.version < oldest:
        raise RemoteError(
            f"MicroPython {'.'.join(map(str, found.version))} is too old, expected "
            f"{'.'.join(map(str, oldest))} or newer: put a new image on the board "
            f"(./ringcast firmware --board {board.name}, or the stock one), then flash again"
        )


def check_compiled(found: Found, files: Mapping[str, bytes]) -> None:
    """Raises RemoteError for .mpy files that this board's MicroPython would refuse (docs: "MicroPython .mpy files")."""
    version, sub, arch = found.mpy & 0xFF, found.mpy >> 8 & 3, found.mpy >> 10
    for name in sorted(files):
        data = files[name]
        if not name.endswith(".mpy"):
            continue
        wants, want_sub, want_arch = data[1], data[2] & 3, data[2] >> 2
        native = want_arch != 0
        loads = want_arch == arch or (arch in _THUMB and want_arch in _THUMB and want_arch <= arch)
        if wants != version or (native and (want_sub != sub or not loads)):
            raise RemoteError(
                f"the board loads .mpy {_mpy(version, sub, arch)}, and {name} is {_mpy(wants, want_sub, want_arch)}: "
                "take the MicroPython that this project is made for (./ringcast doctor names it)"
            )


def _mpy(version: int, sub: int, arch: int) -> str:
    name = ARCHITECTURES[arch] if arch < len(ARCHITECTURES) else str(arch)
    return f"version {version}.{sub} for {name}" if arch else f"version {version}"
