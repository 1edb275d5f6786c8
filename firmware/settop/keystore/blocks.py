"""Two lock keys and a counter in raw flash, outside the file system: Locks and Counter, two erase blocks each.

Here is what a terminal in service does. What is rare (a new lock, one that is forgotten, a counter's next block, what a
power cut or damage left) is in blocks_rare.py beside, loaded when it is wanted: a board's heap is small, and every name
costs some of it.

`flash` is a board's (or a test's) face of its flash; blocks have whatever numbers the board gives them:

    block_bytes                octets in an erase block, a multiple of 256
    read(block, at, view)      fills `view` from octet `at` on
    program(block, at, data)   clears the bits that are 0 in `data`, within one page of 256; others stay
    erase(block)               sets every bit

What a power cut leaves of a program or an erase are cells between 0 and 1, read one way now and another way later.
Nothing here rests on such a cell: what was programmed last is programmed again at the first look after a start, which
wears no cell and settles it, and a block is erased before each use, also where it looks blank.

A lock's block holds, big-endian, from its first octet on:

    magic 8 octets         "RCLK2" 0 0 0, programmed last: it commits the lock
    sequence u32           the lock with the higher one is the newer
    lock 32 octets
    CRC u32                CRC-32/MPEG-2 of sequence and lock

"RCLK1" 0 0 0 and the lock, without more, is what formats before 4 left; it counts as older than any other.

A counter's block holds two copies of its header, at 0 and at 128, and from its second page on one octet for each count,
0xFF before it is counted and 0 afterwards. A count that was cut leaves anything between, and is one.

    magic 8 octets         "RCCN1" 0 0 0
    base u32               what the counter had reached when the block was begun
    CRC u32                CRC-32/MPEG-2 of the base

A block that is full leads to the other, which is erased and begun with the full one's count. Of 4,096 octets 3,840 are
counts, so two blocks that stand 100,000 erasures each (the W25Q16JV by its data sheet) count to 768 million: once a
second for 24 years. After that an erasure leaves bits at 0, or a count is not there when it is read back: count() says
so and changes nothing, value() still gives what was reached, and the locks are as good as before.
"""

import struct

from settop.crypto.wipe import wipe
from settop.wire.crc import crc32_mpeg2

# What sequence() says where there is no number: -1 for a blank place, -2 for anything else. (Every name of a module
# lives on a board's heap, so some here are such as other rooms have, too.)


def sequence(view, what):
    """The u32 behind the magic `what` in `view`, where the CRC at the end of `view` is right; else -1 or -2.

    A magic with up to 8 wrong bits will do: the CRC says that it was just not quite programmed.
    """
    wrong = 0
    for i in range(8):
        odd = view[i] ^ what[i]
        while odd:
            odd &= odd - 1
            wrong += 1
    if wrong <= 8 and crc32_mpeg2(view[8:]) == 0:
        return struct.unpack_from(">I", view, 8)[0]
    return -1 if all(octet == 0xFF for octet in view) else -2


class Locks:
    """Lock keys of 32 octets in the blocks `blocks` (two numbers)."""

    magic = b"RCLK2\x00\x00\x00"
    old_magic = b"RCLK1\x00\x00\x00"

    def __init__(self, flash, blocks):
        self.flash = flash
        self.blocks = blocks
        self._looked = False

    def load(self):
        """The locks that are whole, newest first, each in a bytearray for the caller to wipe."""
        states = self.states()
        locks = []
        for index in (1, 0) if states[1] > states[0] else (0, 1):
            if states[index] >= 0:
                lock = bytearray(32)
                self.flash.read(self.blocks[index], 12 if states[index] else 8, lock)
                locks.append(lock)
        return locks

    def damaged(self):
        """How many blocks hold a lock of which nothing can be made."""
        states = self.states()
        if -2 not in states:
            return 0
        from settop.keystore.blocks_rare import damaged

        return damaged(self, states)

    def store(self, lock):
        """Puts `lock` into the block that is not the newest's, which stays as it is; load() then gives [new, old].

        An older lock that was in that block is lost: give_up() first, or load() what it opens. LocalError: a lock of
        another length. RemoteError: it does not read back; the locks before are there.
        """
        from settop.keystore.blocks_rare import store

        store(self, lock, self.states())

    def give_up(self):
        """Overwrites and erases all but the newest lock, once nothing needs them any more."""
        from settop.keystore.blocks_rare import give_up

        give_up(self, self.states())

    def states(self):
        """What both blocks hold: a lock's sequence, 0 for one of formats before 4, -1 or -2.

        At the first look what a cut left is decided: a lock that was just being committed is, and one that was not
        quite there or was being forgotten goes.
        """
        states = (self.find(0), self.find(1))
        if not self._looked and max(states) >= 0:
            for index in (0, 1):
                if states[index] >= 0:
                    self.flash.program(self.blocks[index], 0, self.magic if states[index] else self.old_magic)
                elif states[index] == -2:
                    from settop.keystore.blocks_rare import leave

                    leave(self, index)
            states = (self.find(0), self.find(1))
        self._looked = True
        return states

    def find(self, index):
        """What this block holds, as in states()."""
        record = bytearray(48)
        self.flash.read(self.blocks[index], 0, record)
        view = memoryview(record)
        state = 0 if view[:8] == self.old_magic else sequence(view, self.magic)
        wipe(record)
        return state


class Counter:
    """A count that never falls, in the blocks `blocks` (two numbers)."""

    magic = b"RCCN1\x00\x00\x00"

    def __init__(self, flash, blocks):
        self.flash = flash
        self.blocks = blocks
        self.room = flash.block_bytes - 256
        self.at = None  # of the two blocks, which counts now; None: none yet
        self.start = 0  # what had been counted when it was begun
        self.length = 0  # what it has counted since
        self._looked = False

    def value(self):
        """How far it has counted, 0 or more; 0 where it never has. RemoteError: what is there does not tell."""
        if not self._looked:
            self._load()
            self._looked = True
        return self.start + self.length

    def count(self):
        """Advances by one and returns the new value, which is there to stay. RemoteError: it is worn out."""
        self.value()
        if self.at is None or self.length == self.room:
            from settop.keystore.blocks_rare import begin

            begin(self)
        block = self.blocks[self.at]
        mark = bytearray(1)
        self.flash.program(block, 256 + self.length, mark)
        self.flash.read(block, 256 + self.length, mark)
        if mark[0] == 0xFF:
            from settop.keystore.blocks_rare import refuse

            refuse("the counter does not count")
        self.length += 1
        return self.start + self.length

    def _load(self):
        starts = (self.position(0), self.position(1))
        # Where both count, the one that was begun later does: with the other's last value.
        at = 0 if starts[0] > starts[1] else 1
        marks = self._find(at) if starts[at] >= 0 else self.room
        if -2 in starts and marks == self.room:
            from settop.keystore.blocks_rare import judge

            judge(self)  # it may be the other one that counted last
        if starts[at] < 0:
            return
        self.at, self.start, self.length = at, starts[at], marks
        if marks:
            self.flash.program(self.blocks[at], 255 + marks, b"\x00")
        else:
            from settop.keystore.blocks_rare import set_up

            set_up(self)

    def position(self, index):
        """The count with which this block was begun, by either copy of its header; else -1 or -2."""
        header = bytearray(16)
        state = -1
        for at in (0, 128):
            self.flash.read(self.blocks[index], at, header)
            found = sequence(memoryview(header), self.magic)
            if found >= 0:
                return found
            state = min(state, found)
        return state

    def _find(self, index):
        """How many have been counted: the last octet that is not blank, whatever damage is before it."""
        page = bytearray(256)
        blank = b"\xff" * 256
        at = self.room + 256
        while at > 256:
            at -= 256
            self.flash.read(self.blocks[index], at, page)
            if page != blank:
                last = 256
                while page[last - 1] == 0xFF:
                    last -= 1
                return at - 256 + last
        return 0
