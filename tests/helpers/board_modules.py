"""Loads a board's own files on this Python; stand-ins take the place of its port's modules."""

import importlib
import sys
from types import ModuleType, SimpleNamespace

from testbed.boards.profile import BOARDS, SHARED


class Uart:
    """machine.UART that remembers how it was made."""

    made: list["Uart"] = []

    def __init__(self, number, baud, **options):
        self.number, self.baud, self.options = number, baud, options
        Uart.made.append(self)


class Spi(Uart):
    """machine.SPI, likewise."""

    def __init__(self, number, **options):
        super().__init__(number, options["baudrate"], **options)


class Pin(tuple):
    """machine.Pin: ("pin", number); `mode`, `pull` and `value` as it was made. `low`: numbers of those that read 0."""

    OUT, IN, PULL_UP = "out", "in", "up"
    low: set = set()

    def __new__(cls, number, mode=None, pull=None, *, value=None):
        pin = super().__new__(cls, ("pin", number))
        pin.mode, pin.pull, pin.value = mode, pull, value
        return pin

    def __call__(self):
        return int(self[1] not in self.low)


class Flash:
    """rp2.Flash as far as a board uses it: four blocks below the file system, the last of them -1.

    `buffers` holds what went in and out. `cut_after`: so many pages and erases more, then PowerCut.
    """

    BYTES = 4 * 4096
    content = bytearray(b"\xff" * BYTES)
    buffers: list = []
    cut_after: int | None = None
    done = 0

    class PowerCut(Exception):
        pass

    def _start(self, number, offset, count):
        assert -4 <= number <= -1 and 0 <= offset <= 4096 - count, "outside the blocks below the file system"
        return self.BYTES + number * 4096 + offset

    def _step(self):
        if Flash.cut_after is not None and Flash.done >= Flash.cut_after:
            raise self.PowerCut
        Flash.done += 1

    def readblocks(self, number, block, offset=0):
        start = self._start(number, offset, len(block))
        block[:] = self.content[start : start + len(block)]
        self.buffers.append(block)

    def writeblocks(self, number, block, offset=0):
        assert len(block) % 256 == offset % 256 == 0, "the flash programs whole pages"
        self.buffers.append(block)
        self._step()
        start = self._start(number, offset, len(block))
        for at, octet in enumerate(block, start):
            self.content[at] &= octet

    def ioctl(self, operation, number):
        assert operation == 6
        self._step()
        start = self._start(number, 0, 4096)
        self.content[start : start + 4096] = b"\xff" * 4096
        return 0


class Nvs:
    """esp32.NVS; what is set counts after commit. `fails`: the partition takes nothing more."""

    stored: dict = {}
    fails = False

    def __init__(self, namespace):
        self._namespace = namespace
        self._pending = {}

    def get_blob(self, key, buffer):
        blob = self.stored.get((self._namespace, key))
        if blob is None or len(blob) > len(buffer):
            raise OSError(-4354 if blob is None else -4364)
        buffer[: len(blob)] = blob
        return len(blob)

    def set_blob(self, key, value):
        self._pending[self._namespace, key] = bytes(value)

    def get_i32(self, key):
        if (self._namespace, key) not in self.stored:
            raise OSError(-4354)
        return self.stored[self._namespace, key]

    def set_i32(self, key, value):
        assert -(1 << 31) <= value < 1 << 31
        if Nvs.fails:
            raise OSError(-4357)
        self._pending[self._namespace, key] = value

    def erase_key(self, key):
        if (self._namespace, key) not in self.stored:
            raise OSError(-4354)
        self._pending[self._namespace, key] = None

    def commit(self):
        self.stored.update(self._pending)
        for key in [key for key, value in self.stored.items() if value is None]:
            del self.stored[key]


class Stm32Flash:
    """The last sector of an STM32F405's flash behind its controller (RM0090, 3.6 and 3.9), as stm.mem16 and mem32.

    Programming only clears bits. `cut_after`: so many half-words more, then PowerCut. `fault`: "says" (the controller
    reports an error) or "silent" (nothing is programmed). `writes` counts; `open_writes` are those that came while
    interrupts were on.
    """

    BASE, BYTES = 0x080E0000, 131072
    KEYR, SR, CR = 0x40023C04, 0x40023C0C, 0x40023C10

    class PowerCut(Exception):
        pass

    def __init__(self):
        self.content = bytearray(b"\xff" * self.BYTES)
        self.status = 0
        self.restart()
        self.interrupts = True
        self.writes = self.open_writes = 0
        self.cut_after = None
        self.fault = None
        self.mem16, self.mem32 = _Window(self, 2), _Window(self, 4)

    def restart(self):
        """What a reset does to the controller."""
        self.control, self.keys = 0x80000000, []

    def read(self, address, size):
        if size == 4:
            word = {self.SR: self.status, self.CR: self.control}[address]
            return word - (1 << 32) if word >> 31 else word  # mem32 gives signed words
        at = address - self.BASE
        return int.from_bytes(self.content[at : at + size], "little")

    def write(self, address, size, value):
        value &= (1 << 8 * size) - 1
        if address == self.KEYR:
            assert self.control >> 31, "a key while it is unlocked is a fault until the next reset"
            self.keys = [*self.keys, value][-2:]
            if self.keys == [0x45670123, 0xCDEF89AB]:
                self.control, self.keys = 0, []
        elif address == self.SR:
            self.status &= ~value
        elif address == self.CR:
            assert not self.control >> 31, "the control register is locked"
            self.control = value
        else:
            self._program(address - self.BASE, size, value)

    def _program(self, at, size, value):
        assert self.control == 0x101 and size == 2 and at % 2 == 0, "programming is off or has another size"
        assert 0 <= at <= self.BYTES - 2
        self.writes += 1
        self.open_writes += self.interrupts
        if self.cut_after is not None:
            if self.cut_after == 0:
                raise self.PowerCut
            self.cut_after -= 1
        if self.fault == "silent":
            return
        if self.fault == "says":
            self.status |= 0x10
        for offset in range(2):
            self.content[at + offset] &= value >> 8 * offset & 0xFF

    def disable_irq(self):
        before, self.interrupts = self.interrupts, False
        return before

    def enable_irq(self, state):
        self.interrupts = state

    def bytearray_at(self, address, count):
        at = address - self.BASE
        return self.content[at : at + count]


class _Window:
    def __init__(self, flash, size):
        self._flash, self._size = flash, size

    def __getitem__(self, address):
        return self._flash.read(address, self._size)

    def __setitem__(self, address, value):
        self._flash.write(address, self._size, value)


def load_module(monkeypatch, name, config=None):
    """The module `board` of boards/NAME and what it imports, fresh. `config`: its board_config, if it has one.

    Gives (module, stm32 flash).
    """
    stm32 = Stm32Flash()
    machine = SimpleNamespace(
        UART=Uart,
        SPI=Spi,
        Pin=Pin,
        unique_id=lambda: b"\x01" * 8,
        disable_irq=stm32.disable_irq,
        enable_irq=stm32.enable_irq,
    )
    ports = {
        "machine": machine,
        "rp2": SimpleNamespace(Flash=Flash, bootsel_button=lambda: 0),
        "esp32": SimpleNamespace(NVS=Nvs),
        "stm": SimpleNamespace(mem16=stm32.mem16, mem32=stm32.mem32),
        "uctypes": SimpleNamespace(bytearray_at=stm32.bytearray_at),
    }
    monkeypatch.setattr(Uart, "made", [])
    monkeypatch.setattr(Flash, "content", bytearray(b"\xff" * Flash.BYTES))
    monkeypatch.setattr(Flash, "buffers", [])
    monkeypatch.setattr(Flash, "cut_after", None)
    monkeypatch.setattr(Flash, "done", 0)
    monkeypatch.setattr(Nvs, "stored", {})
    monkeypatch.setattr(Nvs, "fails", False)
    for module, stand_in in ports.items():
        monkeypatch.setitem(sys.modules, module, stand_in)
    if config is not None:
        monkeypatch.setitem(sys.modules, "board_config", _module("board_config", config))
    else:
        monkeypatch.delitem(sys.modules, "board_config", raising=False)
    own = {path.stem for folder in (BOARDS / name, SHARED) for path in folder.glob("board*.py")}
    for stem in own:
        # First set, so that monkeypatch takes what is imported now out of sys.modules again.
        monkeypatch.setitem(sys.modules, stem, _module(stem, {}))
        del sys.modules[stem]
    monkeypatch.syspath_prepend(str(SHARED))
    monkeypatch.syspath_prepend(str(BOARDS / name))
    return importlib.import_module("board"), stm32


def _module(name, names):
    module = ModuleType(name)
    module.__dict__.update(names)
    return module
