"""How long a store of the keystore takes on a Pico. Its emulated flash takes no time: what is asked of it is counted.

Times of the flash: Winbond W25Q16JV, AC electrical characteristics, typical and at the most.
"""

from dataclasses import dataclass

from testbed.bench.figure import Figure
from testbed.boards import load_board
from testbed.machines.base import MachineError, TerminalSpec
from testbed.machines.pico import PicoMachine
from testbed.machines.pico_flash_watch import FlashCommand
from testbed.runtimes.find import pico_image
from testbed.runtimes.image import Image

ERASE_MS = (45.0, 400.0)
PROGRAM_MS = (0.4, 3.0)
STORES = 24
RECORD_BYTES = 64
GOAL_MS = 130.0
"""What the tuner's receive buffer (16 KiB) holds of a 1 Mbit/s programme while the terminal stores."""
LIMIT_MS = 30_000
_SLICE_MS = 5
_PROGRAM = b"""
import board
from time import ticks_diff, ticks_us
from settop.keystore.keystore import Keystore, Records
from settop.keystore.relock import replace
line = board.modem()
keystore = Keystore(board)
replace(keystore, bytes(range(32)), (("call", "token", bytes(%d), %r),))
records = Records(keystore, "call")
number = 0
line.write("ready 0\\n")
while True:
    if line.any():
        line.readinto(bytearray(1))
        number += 1
        began_us = ticks_us()
        records.store("token", bytes((number,)) * %d)
        line.write("took %%d\\n" %% ticks_diff(ticks_us(), began_us))
"""


@dataclass(frozen=True, slots=True)
class Store:
    """One store: what the firmware took for it while the flash took none, in ms, and what it asked of the flash."""

    computed_ms: float
    erases: int
    programs: int

    def took_ms(self, most: bool = False) -> float:
        """With the flash's times by its data sheet, typical or at the most."""
        return self.computed_ms + self.erases * ERASE_MS[most] + self.programs * PROGRAM_MS[most]


def store_of(computed_us: int, commands: list[FlashCommand]) -> Store:
    """A store that took so long and asked this of the flash."""
    erases = sum(1 for command in commands if command.data is None)
    return Store(computed_us / 1000, erases, len(commands) - erases)


def stores(image: Image, counted: bool = False) -> list[Store]:
    """STORES stores of a record that is there, one behind the other. MachineError: the board does not get there."""
    program = _PROGRAM % (RECORD_BYTES, counted, RECORD_BYTES)
    files = load_board("pico").files({"SERVICES": ()}, {"main.py": program})
    machine = PicoMachine(image, TerminalSpec(files=files, seed=b"bench"), watch_flash=True)
    machine.boot()
    now_ms = 0
    done: list[Store] = []
    before = -1
    said = b""
    try:
        while len(done) < STORES:
            now_ms += _SLICE_MS
            if now_ms > LIMIT_MS:
                words = machine.take("console").decode("utf-8", "replace").strip()[-400:]
                raise MachineError(f"{len(done)} stores of {STORES} within {LIMIT_MS} simulated ms; it said: {words}")
            machine.advance(now_ms * 1_000_000)
            said += machine.take("modem")
            if not said.endswith(b"\n"):
                continue
            commands = machine.flash_commands
            if before >= 0:
                done.append(store_of(int(said.split()[1]), commands[before:]))
            before, said = len(commands), b""
            machine.send("modem", b"x")
    finally:
        machine.close()
    return done


def keystore_store_ms(image: Image | None = None) -> Figure:
    """The slowest of STORES stores of a plain record, so that the erase which comes now and then is in it; that of
    counted ones, which no call makes, is told of."""
    image = image or pico_image()
    done, counted = stores(image), stores(image, counted=True)
    slowest = max(done, key=Store.took_ms)
    how = (
        f"slowest of {STORES} stores of a record of {RECORD_BYTES} bytes on the emulated Pico, whose flash takes no "
        f"time: {slowest.computed_ms:.1f} ms of computing, {slowest.erases} erases of {ERASE_MS[0]:g} ms and "
        f"{slowest.programs} programs of {PROGRAM_MS[0]:g} ms (W25Q16JV, typical); with its longest times "
        f"{max(store.took_ms(most=True) for store in done):.0f} ms; the mean {mean_ms(done):.0f} ms; of counted "
        f"records {max(map(Store.took_ms, counted)):.0f} ms, the mean {mean_ms(counted):.0f} ms"
    )
    return Figure("keystore_store_ms", slowest.took_ms(), "ms", GOAL_MS, "lower", how)


def mean_ms(done: list[Store]) -> float:
    """What a store takes on average."""
    return sum(store.took_ms() for store in done) / len(done)
