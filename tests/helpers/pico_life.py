"""A life of the emulated Pico with the terminal frozen in, in steps, and all that it erases and programs in each."""

from dataclasses import dataclass

from settop.wire.provision import pack_content
from testbed.machines.base import TerminalSpec
from testbed.machines.pico import PicoMachine
from testbed.machines.pico_flash_watch import FlashCommand
from testbed.runtimes.image import Image

from tests.helpers.flash_board import START

MS = 1_000_000
SEED = b"pico's life"
PREPARE = """
import board
from settop.keystore.keystore import Keystore, Records
from settop.services.provision import keep
k = Keystore(board)
def store(service, name, data, counted=False):
    Records(k, service).store(name, data, counted)
def delete(service, name):
    Records(k, service).delete(name)
def provision(content, drawn):
    print("provisioned", [keep(k, lambda count: drawn, bytearray(content))])
def start():
    print("started", *k.start())
"""


def provision(record: bytes, number: bytes) -> str:
    """For `do`: an identity record and a telephone number, under a lock key of their own."""
    content = pack_content(b"\x22" * 32, record, (("call", "number", number),))
    return f"provision({bytes(content)!r}, {number * 4!r})"


@dataclass(frozen=True)
class Step:
    """What was done, the flash commands of that, and the boot's number that was given in it or last (0: none)."""

    what: str
    commands: tuple[FlashCommand, ...]
    number: int


class PicoLife:
    """`before` and `after` are the flash from START on. LocalError or AssertionError where the board fails."""

    def __init__(self, image: Image, flash: bytes | None = None, seed: bytes = SEED) -> None:
        self.machine = PicoMachine(image, TerminalSpec(files={}, seed=seed), flash=flash, watch_flash=True)
        self.before = self.after
        self.steps: list[Step] = []
        self.said = b""
        self._taken = 0
        self._number = 0
        self._at_prompt = False

    @property
    def after(self) -> bytes:
        return bytes(self.machine.flash[START:])

    def boot(self) -> str:
        """Power off and on; the terminal's own start. Returns what it says when it is ready."""
        self.machine.power_cut()
        self.machine.boot()
        self._at_prompt = False
        self.said = b""
        said = self._until(b" ready ", b"\r\n")
        line = next(line for line in said.splitlines() if " ready " in line)
        self._number = int(line.partition("boot=")[2].split()[0])
        self._note("start of the terminal")
        assert " error " not in said, said
        return line

    def do(self, what: str) -> str:
        """Python on the board, behind PREPARE. Returns what it prints."""
        if not self._at_prompt:
            self._send(b"\r\x03")
            self._until(b">>> ")
            self._send(b"\x01")
            self._until(b"raw REPL", b"\r\n>")
            self._at_prompt = True
            self._run(PREPARE)
        said = self._run(what)
        if said.startswith("started "):
            self._number = int(said.split()[1])
            assert said.split()[2:] == [], said
        assert said[:11] != "provisioned" or said == "provisioned ['']", said
        self._note(what)
        return said

    def _run(self, code: str) -> str:
        self._send(code.encode() + b"\x04")
        said = self._until(b"OK", b"\x04", b"\x04>")
        out, errors, _ = said[2:].split("\x04")
        assert not errors, errors
        return out.strip()

    def _note(self, what: str) -> None:
        commands = self.machine.flash_commands
        self.steps.append(Step(what, tuple(commands[self._taken :]), self._number))
        self._taken = len(commands)

    def _send(self, data: bytes) -> None:
        self.machine.send("console", data)

    def _until(self, *words: bytes, limit_ms: int = 60_000) -> str:
        """What it says up to these, in their order; no more is left of it."""
        start_ns = self.machine.time_ns
        for after_ms in range(2, limit_ms, 2):
            self.machine.advance(start_ns + after_ms * MS)
            self.said += self.machine.take("console")
            at = 0
            for word in words:
                at = self.said.find(word, at)
                if at < 0:
                    break
                at += len(word)
            else:
                said, self.said = self.said[:at], self.said[at:]
                return said.decode()
        raise AssertionError(f"no {words} in {limit_ms} ms, but {self.said!r}")

    def close(self) -> None:
        self.machine.close()
