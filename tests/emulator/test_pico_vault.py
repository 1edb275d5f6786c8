"""Lock keys and counter in the emulated Pico's flash: what its firmware erases and programs, and power cuts in that."""

import json
import lzma
import random
import sys
from pathlib import Path

import pytest
from settop.errors import LocalError
from settop.keystore.blocks import Counter, Locks
from testbed.boards import load_board
from testbed.machines.base import TerminalSpec
from testbed.machines.pico import PicoMachine
from testbed.machines.pico_flash import BLOCK_BYTES, FILES_START, flash_image
from testbed.machines.pico_flash_watch import FlashCommand
from testbed.runtimes import RuntimeUnavailable, pico_image

sys.path[:0] = [str(Path(__file__).parent.parent / "vectors")]
import flash_model  # noqa: E402

pytestmark = pytest.mark.pico

BLOCKS = (-1, -2, -3, -4)
VAULT_START = FILES_START - len(BLOCKS) * BLOCK_BYTES
OLD, NEW = bytes(range(100, 132)), bytes(range(32))
NEARLY_FULL = 3838
PROGRAM = b"""
import board
board.store_lock(bytes(range(32)))
board.forget_old_lock()
print("counted", [board.count() for _ in range(4)])
print("end")
"""
LOOK = b"""
import board
print("found", [bytes(lock) for lock in board.load_locks()], board.locks_damaged(), board.counter())
print("end")
"""


def run(image, main, before):
    """What the program `main` says on a board whose keystore blocks are as in the model `before`, and the machine."""
    files = load_board("pico").files({"SERVICES": ()}, {"main.py": main})
    flash = bytearray(flash_image(image.path, files))
    for block in BLOCKS:
        start = FILES_START + block * BLOCK_BYTES
        flash[start : start + BLOCK_BYTES] = before.blocks[block]
    machine = PicoMachine(image, TerminalSpec(files={}, seed=b"vault"), flash=bytes(flash), watch_flash=True)
    machine.boot()
    said = b""
    try:
        for now_ms in range(10, 10_000, 10):
            machine.advance(now_ms * 1_000_000)
            said += machine.take("console")
            if b"end\r\n" in said:
                break
        else:
            pytest.fail(f"no end: {said}")
    finally:
        machine.close()
    return [line for line in said.decode().split("\r\n") if line], machine


def before():
    """What formats 3 left, and a counter that is nearly at its block's end."""
    model = flash_model.Flash(BLOCKS, BLOCK_BYTES)
    model.blocks[-1][:40] = b"RCLK1\0\0\0" + OLD
    counter = Counter(model, (-3, -4))
    for _ in range(NEARLY_FULL):
        counter.count()
    return model


def state(model):
    """(locks, count) as a start finds them, which may settle them."""
    locks = Locks(model, (-1, -2))
    found = tuple(bytes(lock) for lock in locks.load())
    assert locks.damaged() == 0
    return found, Counter(model, (-3, -4)).value()


@pytest.fixture(scope="module")
def image():
    try:
        return pico_image()
    except RuntimeUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def recorded(image):
    """(steps of the flash, the model as it ended)."""
    said, machine = run(image, PROGRAM, before())
    assert said[0] == "counted [3839, 3840, 3841, 3842]"
    end = flash_model.Flash(BLOCKS, BLOCK_BYTES)
    for block in BLOCKS:
        start = FILES_START + block * BLOCK_BYTES
        end.blocks[block][:] = machine.flash[start : start + BLOCK_BYTES]
    steps = [command for command in machine.flash_commands if VAULT_START <= command.address < FILES_START]
    return steps, end


def place(step: FlashCommand):
    block, at = divmod(step.address - FILES_START, BLOCK_BYTES)
    return block, at


def done(model, step):
    block, at = place(step)
    if step.data is None:
        assert step.size == BLOCK_BYTES and at == 0
        model.erase(block)
    else:
        model.program(block, at, step.data)


def test_the_watched_commands_are_all_that_changed_the_flash(recorded):
    steps, end = recorded
    model = before()
    for step in steps:
        done(model, step)
    assert model.blocks == end.blocks
    assert (
        len([step for step in steps if step.data is None]) == 3
    )  # a new lock, a forgotten one, a counter's next block


def check_cuts(steps, stride, random_cuts):
    """How many cuts were made: before, within and behind every step, and the starts after it with weak cells."""
    rng = random.Random(8)
    model, made = before(), 0
    was = state(model.copy())
    for step in steps:
        block, at = place(step)
        after = model.copy()
        done(after, step)
        comes = state(after.copy())
        octets = BLOCK_BYTES if step.data is None else 256
        for cut in flash_model.cuts(octets, stride * (16 if step.data is None else 1), rng, random_cuts):
            for reads in ("0", "1", rng):
                left = model.copy()
                cut(left, block, at, step.data)
                left.weak_reads = reads
                (locks, count), (again, counted) = state(left), state(left)
                assert locks in (was[0], comes[0]) and count in (was[1], comes[1]), (step.address, step.data is None)
                assert counted >= count and again[:1] == locks[:1]
                made += 1
        model, was = after, comes
    assert was == ((NEW,), NEARLY_FULL + 4)
    print(f"{made} power cuts in {len(steps)} steps of the emulated Pico's flash")
    return made


def test_a_power_cut_in_any_step_of_the_picos_flash_leaves_one_state_whole(recorded):
    assert check_cuts(recorded[0], 64, 2) > 500


@pytest.mark.soak
def test_a_power_cut_at_every_octet_of_the_picos_flash_leaves_one_state_whole(recorded):
    assert check_cuts(recorded[0], 1, 300) > 20_000


def test_a_pico_that_starts_on_what_a_cut_left_finds_one_state_whole_and_settles_it(image, recorded):
    """The same code on the emulated chip: cuts in a commit, in an erase, and in a count."""
    rng = random.Random(9)
    model = before()
    for number, step in enumerate(recorded[0]):
        if number in (2, 6, len(recorded[0]) - 1):
            left = model.copy()
            flash_model.scattered(rng)(left, *place(step), step.data)
            left.weak.clear()  # as they happen to be
            expected = state(left.copy())
            said, _ = run(image, LOOK, left)
            locks, count = expected
            assert said[0] == f"found {list(locks)} 0 {count}"
        done(model, step)


def test_a_pico_finds_the_lock_key_that_formats_3_left(image):
    data = Path(__file__).parent.parent / "data/old_keystore"
    model = flash_model.Flash(BLOCKS, BLOCK_BYTES)
    model.blocks[-1][:] = lzma.decompress((data / "pico.xz").read_bytes())[:BLOCK_BYTES]
    said, machine = run(image, LOOK, model)
    lock = bytes.fromhex(json.loads((data / "forms.json").read_text())["pico"]["lock"])
    assert said[0] == f"found {[lock]} 0 0"
    start = FILES_START - BLOCK_BYTES
    assert bytes(machine.flash[start:FILES_START]) == bytes(model.blocks[-1])


def test_a_pico_that_nobody_watches_says_so(image):
    machine = PicoMachine(image, TerminalSpec(files={}, seed=b"x"))
    with pytest.raises(LocalError, match="watch_flash=True"):
        _ = machine.flash_commands
