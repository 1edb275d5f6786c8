"""What firmware of FORMATS 3 left on a terminal (tests/data/old_keystore/make.py made it), put on today's machines."""

import json
import lzma
import time
from pathlib import Path
from typing import Any

from settop.keystore.slots import OLD, derive_keys, open_slot, seal_slot
from testbed.boards.profile import load_board
from testbed.machines.base import TerminalSpec
from testbed.machines.cpython import CpythonMachine
from testbed.machines.pico_flash import BLOCK_BYTES, FILES_START, FLASH_BYTES
from testbed.machines.unix import UnixMachine
from testbed.runtimes import unix_binary
from testbed.terminals import terminal_spec

from tests.helpers.flash_board import START, Files, SparseFlash, model_of, tail_of

DATA = Path(__file__).parent.parent / "data/old_keystore"
FORMS = json.loads((DATA / "forms.json").read_text())
SEED = bytes.fromhex(FORMS["seed"])
TERMINAL_ID: str = FORMS["identity"]["terminal_id"]
DEVICE_KEY = bytes.fromhex(FORMS["identity"]["device_key"])
NUMBER: str = FORMS["identity"]["number"]
BOOTS: int = FORMS["boots"]
"""Boots with an identity: the last one's number."""
_LABEL = b"ringcast keystore 1"
_TUNER_BAUD = 921_600
_LIMIT_MS = 30_000


def pico_flash(firmware: bytes) -> bytes:
    """FLASH_BYTES with this in front, as far as it goes, and the old terminal's lock key and files behind."""
    tail = lzma.decompress((DATA / "pico.xz").read_bytes())
    end = FILES_START - BLOCK_BYTES
    return firmware[:end].ljust(end, b"\xff") + tail


def of_device(flash: bytes, device: bytes) -> bytes:
    """The same on a Pico with another id: its slots are sealed anew, with the old format's keys."""
    assert len(flash) == FLASH_BYTES
    model = SparseFlash(model_of(flash))
    files = Files(model)
    form = FORMS["pico"]
    lock = bytes.fromhex(form["lock"])
    for path, slot in form["files"].items():
        name = path.removeprefix("keys/").partition(".")[0]
        keys = derive_keys(lock, bytes.fromhex(form["device_id"]), name, label=_LABEL)
        _, sequence, data = open_slot(keys, bytes.fromhex(slot))
        keys = derive_keys(lock, device, name, label=_LABEL)
        files.write("/" + path, seal_slot(keys, OLD, sequence, data))
    return flash[:START] + tail_of(model)


def unix_machine() -> UnixMachine:
    machine = UnixMachine(unix_binary(), terminal_spec("unix", _TUNER_BAUD, SEED))
    (machine.folder / "lock.key").write_bytes(bytes.fromhex(FORMS["unix"]["lock"]))
    for path, slot in FORMS["unix"]["files"].items():
        (machine.folder / path).parent.mkdir(exist_ok=True)
        (machine.folder / path).write_bytes(bytes.fromhex(slot))
    return machine


def cpython_machine() -> CpythonMachine:
    machine = CpythonMachine(TerminalSpec(files={}, seed=SEED, services=load_board("pico").constants["SERVICES"]))
    machine.vault[:40] = b"RCLK1\0\0\0" + bytes.fromhex(FORMS["cpython"]["lock"])
    machine.files.update({path: bytes.fromhex(slot) for path, slot in FORMS["cpython"]["files"].items()})
    return machine


class Desk:
    """Console and modem of a machine; who sits there starts it, reads it, and lets it dial."""

    def __init__(self, machine: Any) -> None:
        self.machine = machine
        self.heard = b""
        self._now_ns = time.monotonic_ns() if machine.name == "unix" else 0

    def start(self) -> str:
        """Power off and on. Returns the text of `ready`; AssertionError where it tells of an error."""
        self.machine.power_cut()
        self.machine.take("console")
        self.machine.boot()
        self.heard = b""
        self._until(lambda: b" ready " in self.heard and self.heard.endswith(b"\n"))
        assert b" error " not in self.heard, self.heard
        line = next(line for line in self.heard.decode().splitlines() if " ready " in line)
        return line.partition(" ready ")[2].strip()

    def dialled(self) -> str:
        """The number that it dials for its `call`, at a modem that says OK to everything else."""
        said = bytearray()

        def answer() -> bool:
            new = self.machine.take("modem")
            said.extend(new)
            if b"ATDT" not in said and b"\r" in new:
                self.machine.send("modem", b"\r\nOK\r\n")
            return b"\r" in said.partition(b"ATDT")[2]

        self.machine.send("console", b"call\n")
        self._until(answer)
        return said.partition(b"ATDT")[2].partition(b"\r")[0].decode()

    def _until(self, there: Any) -> None:
        for _ in range(_LIMIT_MS):
            self._now_ns = time.monotonic_ns() if self.machine.name == "unix" else self._now_ns + 1_000_000
            self.machine.advance(self._now_ns)
            self.heard += self.machine.take("console")
            if there():
                return
        raise AssertionError(f"{self.machine.name} said {self.heard!r}")
