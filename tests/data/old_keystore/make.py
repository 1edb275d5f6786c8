"""What a terminal of formats 3 left behind. Run in a checkout of 5583324, the last commit with one lock and no counter.

Three terminals are given one identity and started twice after that, so that the next boot is the third. Beside this
file come

    pico.xz       the emulated Pico's flash from the lock key's block on: that block, then the file system (the image
                  is a frozen one, so there is nothing but /keys on it)
    forms.json    for "pico", "unix" and "cpython": device_id, lock key and the keystore's files, in hex; and the
                  identity that is in all three

    .venv/bin/python tests/data/old_keystore/make.py
"""

import json
import lzma
import time
from pathlib import Path

from headend.provisioning import NewTerminal, provisioning_line
from littlefs import LittleFS
from testbed.machines.base import TerminalSpec
from testbed.machines.cpython import CpythonMachine
from testbed.machines.pico import PicoMachine
from testbed.machines.pico_flash import BLOCK_BYTES, FILES_BYTES, FILES_START
from testbed.machines.unix import UnixMachine
from testbed.runtimes import pico_image, unix_binary
from testbed.terminals import terminal_spec

HERE = Path(__file__).parent
SEED = b"old flash"
TERMINAL = NewTerminal(1, bytes.fromhex("0123456789abcdef"), "5550100", bytes(range(100, 132)))
FIRST_MS = 20_000


def randoms(count):
    return bytes(range(7, 7 + count))


class Life:
    """A machine that is advanced until it says something."""

    def __init__(self, machine):
        self.machine = machine
        self.now_ns = time.monotonic_ns() if machine.name == "unix" else 0
        self.said = b""

    def until(self, words):
        for _ in range(FIRST_MS):
            self.now_ns = time.monotonic_ns() if self.machine.name == "unix" else self.now_ns
            self.now_ns += 1_000_000
            self.machine.advance(self.now_ns)
            self.said += self.machine.take("console")
            *lines, rest = self.said.split(b"\r\n" if b"\r\n" in self.said else b"\n")
            for index, line in enumerate(lines):
                if words in line:
                    self.said = b"\n".join([*lines[index + 1 :], rest])
                    return line.decode()
        raise SystemExit(f"{self.machine.name} did not say {words}, but {self.said}")

    def live(self):
        self.machine.boot()
        assert "unprovisioned" in self.until(b" ready ")
        self.machine.send("console", b"provision\n")
        public = bytes.fromhex(self.until(b" provision-key ").split()[-1])
        self.machine.send("console", provisioning_line(public, TERMINAL, randoms).encode() + b"\n")
        self.until(b" provisioned ")
        for boot in (1, 2):
            self.machine.power_cut()
            self.said = b""
            self.machine.boot()
            assert f"formats=3 boot={boot} terminal={TERMINAL.terminal_id.hex()}" in self.until(b" ready ")
        self.machine.power_cut()


def form(device_id, lock, files):
    return {
        "device_id": device_id.hex(),
        "lock": bytes(lock).hex(),
        "files": {name: bytes(data).hex() for name, data in sorted(files.items())},
    }


def pico():
    machine = PicoMachine(pico_image(frozen=True), TerminalSpec(files={}, seed=SEED))
    Life(machine).live()
    tail = bytes(machine.flash[FILES_START - BLOCK_BYTES :])
    (HERE / "pico.xz").write_bytes(lzma.compress(tail, preset=9 | lzma.PRESET_EXTREME))
    files = LittleFS(block_size=BLOCK_BYTES, block_count=FILES_BYTES // BLOCK_BYTES, mount=False)
    files.context.buffer = bytearray(tail[BLOCK_BYTES:])
    files.mount()
    names = [f"keys/{name}" for name in files.listdir("/keys")]
    assert tail[:8] == b"RCLK1\0\0\0"
    return form(machine.unique_id, tail[8:40], {name: files.open(name, "rb").read() for name in names})


def unix():
    machine = UnixMachine(unix_binary(), terminal_spec("unix", 921_600, SEED))
    Life(machine).live()
    files = {f"keys/{path.name}": path.read_bytes() for path in (machine.folder / "keys").iterdir()}
    made = form(b"unix", (machine.folder / "lock.key").read_bytes(), files)
    machine.close()
    return made


def cpython():
    machine = CpythonMachine(TerminalSpec(files={}, seed=SEED))
    Life(machine).live()
    return form(machine.board().unique_id(), machine._lock, machine.files)


if __name__ == "__main__":
    table = {
        "seed": SEED.hex(),
        "identity": {
            "terminal_id": TERMINAL.terminal_id.hex(),
            "device_key": TERMINAL.device_key.hex(),
            "number": TERMINAL.number,
        },
        "boots": 2,
        "pico": pico(),
        "unix": unix(),
        "cpython": cpython(),
    }
    (HERE / "forms.json").write_text(json.dumps(table, indent=1) + "\n")
