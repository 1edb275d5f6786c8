"""Two lock keys and a counter in raw flash, outside the file system: Locks and Counter, two erase blocks each.

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

from settop.crypto.compare import equal
from settop.crypto.wipe import wipe
from settop.errors import LocalError, RemoteError
from settop.wire.crc import crc32_mpeg2

LOCK_BYTES = 32
_MAGIC_BYTES = 8
_LOCK_MAGIC = b"RCLK2\x00\x00\x00"
_OLD_MAGIC = b"RCLK1\x00\x00\x00"
_LOCK_AT = 12  # behind magic and sequence
_RECORD_BYTES = 48
_OLD_RECORD_BYTES = 40
_COUNT_MAGIC = b"RCCN1\x00\x00\x00"
_HEADER_BYTES = 16
_COPIES_AT = (0, 128)
_PAGE_BYTES = 256
_WRONG_BITS = 8  # a magic with so many wrong ones at most is ours and damaged, or was not quite programmed

# What a block holds, where it is no sequence and no base.
_OTHER = -1  # blank, or nothing of ours
_DAMAGED = -2
_OVER = -3  # given up, to be erased

_WORN = "%s: the flash block is worn out or failing; replace the board"
_LOST = (
    "the counter's flash blocks are damaged, so that nobody knows how far it had counted; take ringcast off the board "
    "(flash --erase) and provision again"
)


def _wrong_bits(found, magic):
    count = 0
    for i in range(_MAGIC_BYTES):
        odd = found[i] ^ magic[i]
        while odd:
            odd &= odd - 1
            count += 1
    return count


def _cleared_from(found, magic):
    """Whether `found` is `magic` with bits programmed to 0, and not all of it is there any more."""
    return found != magic and all(found[i] & magic[i] == found[i] for i in range(_MAGIC_BYTES))


def _is_blank(view):
    return all(octet == 0xFF for octet in view)


class Locks:
    """Lock keys of 32 octets in the blocks `blocks` (two numbers)."""

    def __init__(self, flash, blocks):
        self._flash = flash
        self._blocks = blocks
        self._settled = False

    def load(self):
        """The locks that are whole, newest first, each in a bytearray for the caller to wipe."""
        first, second = self._states()
        found = [self._lock(index) for index in (0, 1) if (first, second)[index] >= 0]
        if second > first >= 0:
            found.reverse()
        return found

    def damaged(self):
        """How many blocks hold a lock of which nothing can be made."""
        states = self._states()
        # A block is given up only while the other holds the lock that takes its place.
        alone = max(states) < 0
        return sum(1 for state in states if state == _DAMAGED or (state == _OVER and alone))

    def store(self, lock):
        """Puts `lock` into the block that is not the newest's, which stays as it is; load() then gives [new, old].

        An older lock that was in that block is lost: forget_old() first, or load() what it opens. LocalError: a lock of
        another length. RemoteError: it does not read back; the locks before are there.
        """
        if len(lock) != LOCK_BYTES:
            raise LocalError("lock key of %d bytes, expected %d" % (len(lock), LOCK_BYTES))
        states = self._states()
        newest = self._newest(states)
        index = 1 if newest == 0 else 0
        block = self._blocks[index]
        record = bytearray(_RECORD_BYTES)
        check = bytearray(_RECORD_BYTES)
        try:
            record[:_MAGIC_BYTES] = _LOCK_MAGIC
            struct.pack_into(">I", record, _MAGIC_BYTES, 1 + max(0, *states))
            record[_LOCK_AT : _LOCK_AT + LOCK_BYTES] = lock
            view = memoryview(record)
            struct.pack_into(">I", record, _RECORD_BYTES - 4, crc32_mpeg2(view[_MAGIC_BYTES : _RECORD_BYTES - 4]))
            if newest is not None:
                self._overwrite(index)
            self._flash.erase(block)
            self._flash.program(block, _MAGIC_BYTES, view[_MAGIC_BYTES:])
            self._flash.read(block, 0, check)
            if equal(memoryview(check)[_MAGIC_BYTES:], view[_MAGIC_BYTES:]):
                self._flash.program(block, 0, _LOCK_MAGIC)
                self._flash.read(block, 0, check)
            if not equal(check, record):
                raise RemoteError(_WORN % "the lock key does not read back")
        finally:
            wipe(record)
            wipe(check)

    def forget_old(self):
        """Overwrites and erases all but the newest lock, once nothing needs them any more."""
        states = self._states()
        newest = self._newest(states)
        if newest is not None:
            self._commit(newest, states[newest])
            self._give_up(1 - newest)

    def _look(self, index):
        """The sequence of the lock in this block, or what it holds instead."""
        record = bytearray(_RECORD_BYTES)
        self._flash.read(self._blocks[index], 0, record)
        view = memoryview(record)
        magic = bytes(view[:_MAGIC_BYTES])
        if magic == _OLD_MAGIC:
            state = 0
        elif _wrong_bits(magic, _LOCK_MAGIC) <= _WRONG_BITS:
            if crc32_mpeg2(view[_MAGIC_BYTES:]) == 0:  # the CRC behind what it is of
                state = struct.unpack_from(">I", record, _MAGIC_BYTES)[0]
            else:
                state = _OVER if _cleared_from(magic, _OLD_MAGIC) else _DAMAGED
        elif _cleared_from(magic, _LOCK_MAGIC) or _cleared_from(magic, _OLD_MAGIC):
            state = _OVER
        else:
            state = _OTHER
        wipe(record)
        return state

    def _newest(self, states):
        first, second = states
        return None if max(first, second) < 0 else 0 if first > second else 1

    def _lock(self, index):
        old = self._look(index) == 0
        lock = bytearray(LOCK_BYTES)
        self._flash.read(self._blocks[index], _MAGIC_BYTES if old else _LOCK_AT, lock)
        return lock

    def _states(self):
        """What both blocks hold. At the first look what a cut left is decided: a lock that was just being committed is,
        and one that was not quite there or was being forgotten goes."""
        states = (self._look(0), self._look(1))
        if not self._settled and max(states) >= 0:
            for index in (0, 1):
                if states[index] in (_OTHER, _OVER):
                    self._give_up(index)
                self._commit(index, states[index])
            states = (self._look(0), self._look(1))
        self._settled = True
        return states

    def _commit(self, index, state):
        if state >= 0:
            self._flash.program(self._blocks[index], 0, _LOCK_MAGIC if state else _OLD_MAGIC)

    def _give_up(self, index):
        if self._overwrite(index):
            self._flash.erase(self._blocks[index])

    def _overwrite(self, index):
        """Magic first: what a cut leaves is no lock of another value. Zeros first: a half-erased key is half known.

        Whether there was something.
        """
        record = bytearray(_RECORD_BYTES)
        self._flash.read(self._blocks[index], 0, record)
        blank = _is_blank(record)
        wipe(record)
        if not blank:
            self._flash.program(self._blocks[index], 0, memoryview(record)[:_MAGIC_BYTES])
            self._flash.program(self._blocks[index], _MAGIC_BYTES, memoryview(record)[_MAGIC_BYTES:])
        return not blank


class Counter:
    """A count that never falls, in the blocks `blocks` (two numbers)."""

    def __init__(self, flash, blocks):
        self._flash = flash
        self._blocks = blocks
        self._capacity = flash.block_bytes - _PAGE_BYTES
        self._index = None  # of the block that counts now; None: none yet
        self._base = 0
        self._marks = 0
        self._settled = False

    def value(self):
        """How far it has counted, 0 or more; 0 where it never has. RemoteError: what is there does not tell."""
        if not self._settled:
            self._settle()
            self._settled = True
        return self._base + self._marks

    def count(self):
        """Advances by one and returns the new value, which is there to stay. RemoteError: it is worn out."""
        self.value()
        if self._index is None or self._marks == self._capacity:
            self._begin_next()
        self._mark(self._marks)
        mark = bytearray(1)
        self._flash.read(self._blocks[self._index], _PAGE_BYTES + self._marks, mark)
        if mark[0] == 0xFF:
            raise RemoteError(_WORN % "the counter does not count")
        self._marks += 1
        return self._base + self._marks

    def _settle(self):
        bases = [self._look(index) for index in (0, 1)]
        # Where both count, the one that was begun later does: with the other's last value.
        index = 0 if bases[0] > bases[1] else 1
        if bases[index] < 0:
            # What is given up always has another that counts.
            if _DAMAGED in bases or _OVER in bases:
                raise RemoteError(_LOST)
            return
        marks = self._find_marks(index)
        if marks == self._capacity and bases[1 - index] == _DAMAGED:
            raise RemoteError(_LOST)  # it is the other one that counted last
        self._index, self._base, self._marks = index, bases[index], marks
        if marks:
            self._mark(marks - 1)
        else:
            self._head()

    def _look(self, index):
        """The base of this block, or what it holds instead."""
        state = _OTHER
        header = bytearray(_HEADER_BYTES)
        for at in _COPIES_AT:
            self._flash.read(self._blocks[index], at, header)
            magic = bytes(memoryview(header)[:_MAGIC_BYTES])
            if _wrong_bits(magic, _COUNT_MAGIC) <= _WRONG_BITS:
                if crc32_mpeg2(memoryview(header)[_MAGIC_BYTES:]) == 0:
                    return struct.unpack_from(">I", header, _MAGIC_BYTES)[0]
                if state == _OTHER:
                    state = _DAMAGED
            elif not at and magic == bytes(_MAGIC_BYTES):
                # Given up, its first copy is 0; filled with 0, all of it is.
                self._flash.read(self._blocks[index], _HEADER_BYTES, header)
                state = _OVER if _is_blank(header) else _DAMAGED
        return state

    def _find_marks(self, index):
        """How many have been counted: the last octet that is not blank, whatever damage is before it."""
        page = bytearray(_PAGE_BYTES)
        blank = b"\xff" * _PAGE_BYTES
        at = self._capacity + _PAGE_BYTES
        while at > _PAGE_BYTES:
            at -= _PAGE_BYTES
            self._flash.read(self._blocks[index], at, page)
            if page != blank:
                last = _PAGE_BYTES
                while page[last - 1] == 0xFF:
                    last -= 1
                return at - _PAGE_BYTES + last
        return 0

    def _mark(self, number):
        self._flash.program(self._blocks[self._index], _PAGE_BYTES + number, b"\x00")

    def _head(self):
        header = bytearray(_HEADER_BYTES)
        struct.pack_into(">I", header, _MAGIC_BYTES, self._base)
        struct.pack_into(">I", header, _HEADER_BYTES - 4, crc32_mpeg2(memoryview(header)[_MAGIC_BYTES:-4]))
        for at in _COPIES_AT:
            self._flash.program(self._blocks[self._index], at + _MAGIC_BYTES, memoryview(header)[_MAGIC_BYTES:])
            self._flash.program(self._blocks[self._index], at, _COUNT_MAGIC)

    def _begin_next(self):
        """Erases the other block, and has it go on from what was reached. The value stays."""
        index = 0 if self._index is None else 1 - self._index
        block = self._blocks[index]
        if self._index is not None:
            # Its headers go first: half-erased it is then nothing that looks like a count.
            for at in _COPIES_AT:
                self._flash.program(block, at, bytes(_HEADER_BYTES))
        self._flash.erase(block)
        page = bytearray(_PAGE_BYTES)
        for at in range(0, self._flash.block_bytes, _PAGE_BYTES):
            self._flash.read(block, at, page)
            if not _is_blank(page):
                raise RemoteError(_WORN % "the counter's block does not erase")
        before = self._index, self._base, self._marks
        self._index, self._base, self._marks = index, self._base + self._marks, 0
        self._head()
        if self._look(index) != self._base:
            self._index, self._base, self._marks = before
            raise RemoteError(_WORN % "the counter's block does not read back")
