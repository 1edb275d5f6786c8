"""Power cuts in all that a Pico erased and programmed in a life: a start finds the state before or the one behind.

Each cut is made in a flash of its own; littlefs mounts that, and settop's keystore starts on it, both in this process.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from littlefs import LittleFSError
from testbed.machines.pico_flash import BLOCK_BYTES, FILES_START
from testbed.machines.pico_flash_watch import FlashCommand

from tests.helpers.flash_board import (
    COUNTS,
    Counter,
    SparseFlash,
    Started,
    flash_model,
    is_vault,
    model_of,
    remembered_cryptography,
)
from tests.helpers.pico_life import Step

ERASE_STRIDE = 16  # octets of an erase between two cuts, where a program's are cut at every one
Records = dict[str, bytes]
Flash = flash_model.Flash


@dataclass
class Sweep:
    """`device`: the board's unique id. `base`: boots before the counter counted. stride: of a program's octets that
    change between two cuts; random_cuts: cuts more, in which each cell goes its own way."""

    device: bytes
    base: int = 0
    stride: int = 1
    random_cuts: int = 0
    cuts: int = 0
    commands: int = 0

    def over(self, before: bytes, steps: list[Step], was: Records, states: list[Records]) -> None:
        """`before`: the flash from START on, with the records `was`; states[n]: those behind step n. AssertionError: a
        cut left something else than a state before or behind, whole."""
        rng = random.Random(8)
        model = model_of(before)
        with remembered_cryptography():
            for step, comes in zip(steps, states, strict=True):
                for index, command in enumerate(step.commands):
                    after = model.copy()
                    done(after, command)
                    counted, reached = (Counter(SparseFlash(flash), COUNTS).value() for flash in (model, after))
                    self.commands += 1
                    for left, is_done in cut_flashes(model, command, self.stride, self.random_cuts, rng):
                        where = f"{step.what[:60]}, command {index}, cut {self.cuts}"
                        self.check(left, (was, comes), reached if is_done else counted, where)
                        self.cuts += 1
                    model = after
                assert step.number <= self.base + Counter(SparseFlash(model), COUNTS).value(), step.what
                found = Started(SparseFlash(model), self.device)
                assert (found.wrong, found.records) == ("", comes), step.what
                was = comes

    def check(self, left: SparseFlash, states: tuple[Records, ...], counted: int, where: str) -> None:
        """A start on what a cut left, and another one."""
        try:
            first = Started(left, self.device)
        except LittleFSError as error:
            raise AssertionError(f"{where}: no file system: {error}") from error
        assert first.wrong == "", (where, first.wrong)
        assert any(first.records == state for state in states), (where, shown(first.records))
        # Whatever number was given before the cut, the counter had reached (`over` asks that).
        assert first.number > self.base + counted or not first.records, (where, first.number, counted)
        again = Started(left, self.device)
        assert (again.wrong, again.records, again.damaged_slots) == ("", first.records, 0), (where, again.wrong)
        assert again.number > first.number or not first.records, where


def shown(records: Records) -> Records:
    return {stem: data[:16] for stem, data in records.items()}


def place(command: FlashCommand) -> tuple[int, int]:
    """(block, octet in it)."""
    block, at = divmod(command.address - FILES_START, BLOCK_BYTES)
    assert block >= -4, "within the firmware"
    return block, at


def done(model: Flash, command: FlashCommand) -> None:
    block, at = place(command)
    if command.data is None:
        assert command.size == BLOCK_BYTES and at == 0
        model.erase(block)
    else:
        model.program(block, at, command.data)


def settle(flash: Flash, rng: random.Random) -> None:
    """Cells between 0 and 1 become one of them."""
    for (block, octet), mask in list(flash.weak.items()):
        flash.put(block, octet, flash.blocks[block][octet] & ~mask | mask & rng.getrandbits(8))


def cut_flashes(
    model: Flash, command: FlashCommand, stride: int, random_cuts: int, rng: random.Random
) -> Iterator[tuple[SparseFlash, bool]]:
    """(what the flash may be when the power goes in this command, whether that is all of it), each once.

    Cells between 0 and 1 stay so, and read as 0, as 1 or as either, until they are programmed or erased again. In the
    file system either is settled once for each cell: littlefs promises nothing where it is read otherwise each time.
    """
    block, at = place(command)
    content = model.blocks[block]
    if command.data is None:
        changes = sum(octet != 0xFF for octet in content)
        stride *= ERASE_STRIDE
    else:
        changes = sum(content[at + i] & ~octet & 0xFF != 0 for i, octet in enumerate(command.data))
    whole = SparseFlash(model)
    done(whole, command)
    seen = set()
    for cut in flash_model.cuts(changes, stride, rng, random_cuts):
        for reads in ("0", "1", rng):
            left = SparseFlash(model, block)
            cut(left, block, at, command.data)
            left.weak_reads = reads
            if reads is rng and not is_vault(block):
                settle(left, rng)
            weak = tuple(sorted(left.weak.items()))
            key = (bytes(left.blocks[block]), weak, reads if weak else None)
            if key not in seen:
                seen.add(key)
                yield left, not weak and left.blocks[block] == whole.blocks[block]
