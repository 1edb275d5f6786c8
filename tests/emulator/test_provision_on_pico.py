"""Provisioning and replacement on the emulated Pico, and what its flash starts as when it is cut in between.

Every step of every write is cut in tests/firmware/test_provision_cuts.py; here are those a millisecond tells apart.
"""

import dataclasses

import pytest
from headend.provisioning import Exchange, HeadendKey, NewTerminal, read_board_key
from testbed.boards.profile import board_config
from testbed.line.console import find_line
from testbed.machines.pico import PicoMachine
from testbed.runtimes import RuntimeUnavailable, pico_image
from testbed.terminals import terminal_spec

pytestmark = [pytest.mark.pico, pytest.mark.long]

HEADEND = HeadendKey(b"\x31" * 32)
OLD = NewTerminal(1, b"old term", "5550100", b"\x51" * 32)
NEW = NewTerminal(2, b"newterm1", "5550177", b"\x52" * 32)
MS = 1_000_000


@pytest.fixture(scope="module")
def image():
    try:
        return pico_image(frozen=True)
    except RuntimeUnavailable as error:
        pytest.skip(str(error))


def spec():
    plain = terminal_spec("pico", 921_600, b"provision")
    return dataclasses.replace(plain, files={"board_config.py": board_config({"HEADEND": HEADEND.public.hex()})})


class Bench:
    """A Pico and its console."""

    def __init__(self, image, flash=None):
        self.machine = PicoMachine(image, spec(), flash=flash)
        self.machine.boot()
        self.heard = bytearray()
        self.flashes = []

    def until(self, event, limit_ms=20_000, watch=False):
        """TEXT of the next line of that event. watch: keep what the flash was after each change."""
        at_ms = 0
        now_ns = self.machine.time_ns
        while (found := find_line(self.heard, event)) is None:
            assert at_ms < limit_ms, bytes(self.heard)
            at_ms += 1
            self.machine.advance(now_ns + at_ms * MS)
            self.heard += self.machine.take("console")
            if watch and (not self.flashes or self.machine.flash != self.flashes[-1]):
                self.flashes.append(bytes(self.machine.flash))
        text, end = found
        del self.heard[:end]
        return text

    def say(self, line):
        self.machine.send("console", line.encode() + b"\r\n")

    def provision(self, terminal, old=None, watch=False):
        exchange = Exchange(HEADEND)
        self.say(exchange.ask())
        board = read_board_key(self.until("provision-key"))
        assert board.headend == HEADEND.public[:8].hex()
        self.say(exchange.answer(board, lambda _: old))
        assert exchange.is_code(self.until("provision-code"))
        self.say(exchange.bring(terminal))
        assert exchange.has_taken(self.until("provisioned", watch=watch), terminal)

    def close(self):
        self.machine.close()


def started_as(image, flash):
    """The terminal that this flash starts as."""
    bench = Bench(image, flash)
    try:
        text = bench.until("ready")
        assert b"error" not in bench.heard
        return text.rpartition("terminal=")[2]
    finally:
        bench.close()


@pytest.fixture(scope="module")
def replaced(image):
    """A board that was provisioned, and then given another identity: its flashes in the meantime, and how it ended."""
    bench = Bench(image)
    try:
        assert bench.until("ready").endswith("terminal=unprovisioned")
        bench.provision(OLD)
        bench.provision(NEW, OLD.device_key, watch=True)
        return bench.flashes, bytes(bench.machine.flash)
    finally:
        bench.close()


def test_a_board_is_provisioned_and_given_another_identity_by_its_head_end(replaced, image):
    _, flash = replaced
    assert started_as(image, flash) == NEW.terminal_id.hex()


def test_a_flash_that_was_cut_in_between_starts_as_the_old_identity_or_the_new_one(replaced, image):
    flashes, _ = replaced
    assert len(flashes) >= 4
    seen = [started_as(image, flash) for flash in flashes]
    assert set(seen) == {OLD.terminal_id.hex(), NEW.terminal_id.hex()}
    assert seen == sorted(seen, key=lambda terminal: terminal == NEW.terminal_id.hex())


def test_whoever_has_neither_key_nor_button_is_asked_for_consent(image, replaced):
    bench = Bench(image, replaced[1])
    try:
        bench.until("ready")
        exchange = Exchange(HEADEND)
        bench.say(exchange.ask())
        board = read_board_key(bench.until("provision-key"))
        bench.say(exchange.answer(board, lambda _: None, replace=True))
        number = bench.until("provision-consent").split()[1]
        assert len(number) == 6 and number.isdigit()
    finally:
        bench.close()
