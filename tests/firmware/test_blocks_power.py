# runtimes: cpython unix
"""Power cuts in every program and erase of a new lock, a forgotten one and a count, with cells left between 0 and 1."""

import random
import sys

from flash_model import Flash, PowerCut, cuts
from settop.keystore.blocks import Counter, Locks

LOCKS = (-1, -2)
COUNTS = (-3, -4)
A, B, C, D = bytes(range(32)), bytes(range(100, 132)), bytes(range(200, 232)), bytes(range(50, 82))
CAPACITY = 768  # of the model's blocks of 1,024 octets
OLD = b"RCLK1\x00\x00\x00"
# Octets between two cuts, and cuts at random beside: a sample, of which soak/test_flash_cuts.py makes the whole.
STRIDE, RANDOM = (9, 3) if sys.implementation.name == "cpython" else (13, 1) if sys.platform == "linux" else (40, 0)
READS = ("0", "1", None)  # how weak cells read; None: at random, each time anew


def _reads(flash, how, seed):
    if how is None:
        how = random
        random.seed(seed)
    flash.weak_reads = how


def _every_cut(prepared, operation, stride=STRIDE, random_cuts=RANDOM):
    """The flash after each cut of each step of `operation(flash)`, and how it is read at the two starts after it."""
    whole = prepared.copy()
    operation(whole)
    number = 0
    for step in range(whole.operations):
        changed = []
        probe = prepared.copy()
        probe.cut_at, probe.cut = step, lambda flash, block, at, data, changed=changed: changed.append(data)
        _cut(probe, operation)
        octets = prepared.block_bytes if changed[0] is None else len(changed[0])
        # An erase has a thousand octets, of which most are blank or lie in nothing's way.
        for cut in cuts(octets, stride * (37 if octets > 256 else 1), random, random_cuts):
            flash = prepared.copy()
            flash.cut_at, flash.cut = step, cut
            random.seed(number)
            _cut(flash, operation)
            flash.cut_at = None
            for first in READS:
                for second in READS:
                    number += 1
                    yield flash.copy(), first, second, number


def _cut(flash, operation):
    try:
        operation(flash)
    except PowerCut:
        return
    raise AssertionError("no power cut")


def _found(flash, how, seed):
    _reads(flash, how, seed)
    locks = Locks(flash, LOCKS)
    found = [bytes(lock) for lock in locks.load()]
    # What a start has seen, it goes on seeing; but for an older lock that is being forgotten, and for a first one that
    # was not quite there: nothing is sealed under either.
    assert not found or [bytes(lock) for lock in locks.load()][:1] == found[:1]
    assert locks.damaged() == 0
    return found


def situations():
    """(flash, locks that are there)."""
    flash = Flash(LOCKS)
    yield flash, []
    for index in (0, 1):
        old = Flash(LOCKS)
        old.blocks[LOCKS[index]][:40] = OLD + A
        yield old, [A]
    Locks(flash, LOCKS).store(A)
    yield flash.copy(), [A]
    Locks(flash, LOCKS).store(B)
    Locks(flash, LOCKS).give_up()
    yield flash.copy(), [B]
    foreign = Flash(LOCKS)
    for number in LOCKS:
        foreign.blocks[number][:] = bytes((at * 5 + 1) & 0xFF for at in range(foreign.block_bytes))
    yield foreign, []


def check_store(stride=STRIDE, random_cuts=RANDOM):
    """How many cuts were made."""
    made = 0
    for prepared, before in situations():
        for flash, first, second, number in _every_cut(
            prepared, lambda flash: Locks(flash, LOCKS).store(C), stride, random_cuts
        ):
            found = _found(flash, first, number)
            assert found in (before, [C] + before), (before, number)
            again = _found(flash, second, number + 1)
            assert again == found or (again == [C] + before and found == before), (before, number)
            Locks(flash, LOCKS).store(D)
            # Where there was none before, the one that was cut may still come: nothing was ever sealed under it.
            assert _found(flash, first, number) == [D] + again[:1] or (not again and found == [])
            Locks(flash, LOCKS).give_up()
            assert _found(flash, second, number) == [D]
            made += 1
    return made


def check_forget(stride=STRIDE, random_cuts=RANDOM):
    made = 0
    for prepared, before in situations():
        if not before:
            continue
        Locks(prepared, LOCKS).store(C)
        for flash, first, second, number in _every_cut(
            prepared, lambda flash: Locks(flash, LOCKS).give_up(), stride, random_cuts
        ):
            found = _found(flash, first, number)
            assert found in ([C], [C] + before), (before, number)
            again = _found(flash, second, number + 1)
            assert again in ([C], [C] + before), (before, number)
            locks = Locks(flash, LOCKS)
            locks.give_up()
            assert _found(flash, first, number) == [C]
            assert all(before[0] not in data for data in flash.blocks.values())
            made += 1
    return made


def counters():
    """(flash, what it has counted): before a first count, in a block, and with each of them full."""
    flash = Flash(COUNTS)
    yield flash.copy(), 0
    reached = 0
    for wanted in (1, 5, 255, 256, CAPACITY - 1, CAPACITY, CAPACITY + 1, 2 * CAPACITY, 3 * CAPACITY):
        counter = Counter(flash, COUNTS)
        while reached < wanted:
            reached = counter.count()
        yield flash.copy(), reached
    foreign = Flash(COUNTS)
    for number in COUNTS:
        foreign.blocks[number][:] = bytes((at * 5 + 1) & 0xFF for at in range(foreign.block_bytes))
    yield foreign, 0


def check_count(stride=STRIDE, random_cuts=RANDOM):
    made = 0
    for prepared, before in counters():
        for flash, first, second, number in _every_cut(
            prepared, lambda flash: Counter(flash, COUNTS).count(), stride, random_cuts
        ):
            _reads(flash, first, number)
            counter = Counter(flash, COUNTS)
            value = counter.value()
            assert value in (before, before + 1), (before, number)
            assert counter.value() == value
            _reads(flash, second, number + 1)
            counter = Counter(flash, COUNTS)
            again = counter.value()
            assert value <= again <= before + 1, (before, number)
            assert counter.count() == again + 1
            _reads(flash, first, number)
            assert Counter(flash, COUNTS).value() == again + 1
            made += 1
    return made


def test_a_header_that_reads_one_way_and_then_another_is_not_taken_for_damage():
    """Half committed: its magic reads wrong when the blocks are looked at, and right when damage is looked into."""
    flash = Flash(COUNTS)
    counter = Counter(flash, COUNTS)
    for _ in range(CAPACITY):
        counter.count()
    whole = flash.copy()
    Counter(whole, COUNTS).count()
    flash.blocks[-4][8:16] = whole.blocks[-4][8:16]
    read = flash.read
    looks = []

    def wavering(block, at, view):
        read(block, at, view)
        if (block, at) == (-4, 0):
            looks.append(block)
            if len(looks) == 3:  # twice to find that nothing is whole, then to find out why
                view[:8] = whole.blocks[-4][:8]

    flash.read = wavering
    assert Counter(flash, COUNTS).value() == CAPACITY
    assert len(looks) >= 3


def _say(what, made):
    print("%d power cuts in %s" % (made, what))
    assert made > 100


def test_a_cut_in_a_new_lock_leaves_the_locks_before_with_or_without_it():
    _say("a new lock", check_store())


def test_a_cut_in_forgetting_leaves_the_newest_lock_and_perhaps_the_older():
    _say("a forgotten lock", check_forget())


def test_a_cut_in_a_count_leaves_the_old_or_the_new_value_and_never_less():
    _say("a count", check_count())
