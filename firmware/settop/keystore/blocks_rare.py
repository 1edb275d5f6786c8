"""What is rare about lock keys and counter in raw flash (blocks.py beside, which says what lies where): a new lock, one
that is forgotten, a counter's next block, and what damage or a power cut left."""

import struct

from settop.crypto.compare import equal
from settop.crypto.wipe import wipe
from settop.errors import LocalError, RemoteError
from settop.wire.crc import crc32_mpeg2

LOCK_BYTES = 32
_MAGIC_BYTES = 8
_LOCK_AT = 12  # behind magic and sequence
_RECORD_BYTES = 48
_HEADER_BYTES = 16
_COPIES_AT = (0, 128)
_PAGE_BYTES = 256
_WRONG_BITS = 8  # a magic with so many at most is ours

# What a block holds that is not whole.
_NOT_OURS = 0
_DAMAGED = 1
_OVER = 2  # given up, to be erased


def refuse(what):
    """Raises RemoteError."""
    raise RemoteError("%s: the flash block is worn out or failing; replace the board" % what)


def _is_near(magic, wanted):
    wrong = 0
    for i in range(_MAGIC_BYTES):
        wrong += bin(magic[i] ^ wanted[i]).count("1")
    return wrong <= _WRONG_BITS


def _is_cleared_from(magic, wanted):
    """Whether it is `wanted` with some bits programmed to 0."""
    return all(magic[i] & wanted[i] == magic[i] for i in range(_MAGIC_BYTES))


# --- locks -----------------------------------------------------------------------------------------------------------


def _what(locks, index):
    record = bytearray(_RECORD_BYTES)
    locks.flash.read(locks.blocks[index], 0, record)
    magic = bytes(memoryview(record)[:_MAGIC_BYTES])
    whole = crc32_mpeg2(memoryview(record)[_MAGIC_BYTES:]) == 0
    wipe(record)
    if _is_near(magic, locks.magic) and not _is_cleared_from(magic, locks.old_magic):
        return _NOT_OURS if whole else _DAMAGED  # whole: with cells between 0 and 1, it was read otherwise a moment ago
    return _OVER if _is_cleared_from(magic, locks.magic) or _is_cleared_from(magic, locks.old_magic) else _NOT_OURS


def damaged(locks, states):
    """See Locks.damaged."""
    # A block is given up only while the other holds the lock that takes its place.
    bad = (_DAMAGED, _OVER) if max(states) < 0 else (_DAMAGED,)
    return sum(1 for index in (0, 1) if states[index] == -2 and _what(locks, index) in bad)


def leave(locks, index):
    """A block that holds nothing whole, beside one that does: it goes, unless it is damage."""
    if _what(locks, index) != _DAMAGED:
        _drop(locks, index)


def store(locks, lock, states):
    """See Locks.store."""
    if len(lock) != LOCK_BYTES:
        raise LocalError("lock key of %d bytes, expected %d" % (len(lock), LOCK_BYTES))
    newest = _newest(states)
    index = 1 if newest == 0 else 0
    block = locks.blocks[index]
    record = bytearray(_RECORD_BYTES)
    check = bytearray(_RECORD_BYTES)
    try:
        record[:_MAGIC_BYTES] = locks.magic
        struct.pack_into(">I", record, _MAGIC_BYTES, 1 + max(0, *states))
        record[_LOCK_AT : _LOCK_AT + LOCK_BYTES] = lock
        view = memoryview(record)
        struct.pack_into(">I", record, _RECORD_BYTES - 4, crc32_mpeg2(view[_MAGIC_BYTES : _RECORD_BYTES - 4]))
        if newest is not None:
            _overwrite(locks, index)
        locks.flash.erase(block)
        locks.flash.program(block, _MAGIC_BYTES, view[_MAGIC_BYTES:])
        locks.flash.read(block, 0, check)
        if equal(memoryview(check)[_MAGIC_BYTES:], view[_MAGIC_BYTES:]):
            locks.flash.program(block, 0, locks.magic)
            locks.flash.read(block, 0, check)
        if not equal(check, record):
            refuse("the lock key does not read back")
    finally:
        wipe(record)
        wipe(check)


def give_up(locks, states):
    """See Locks.give_up."""
    newest = _newest(states)
    if newest is not None:
        locks.flash.program(locks.blocks[newest], 0, locks.magic if states[newest] else locks.old_magic)
        _drop(locks, 1 - newest)


def _newest(states):
    first, second = states
    return None if max(first, second) < 0 else 0 if first > second else 1


def _drop(locks, index):
    if _overwrite(locks, index):
        locks.flash.erase(locks.blocks[index])


def _overwrite(locks, index):
    """Magic first: what a cut leaves is no lock of another value. Zeros first: a half-erased key is half known.

    Whether there was something.
    """
    block = locks.blocks[index]
    record = bytearray(_RECORD_BYTES)
    locks.flash.read(block, 0, record)
    blank = all(octet == 0xFF for octet in record)
    wipe(record)
    if not blank:
        locks.flash.program(block, 0, memoryview(record)[:_MAGIC_BYTES])
        locks.flash.program(block, _MAGIC_BYTES, memoryview(record)[_MAGIC_BYTES:])
    return not blank


# --- counter ---------------------------------------------------------------------------------------------------------


def judge(counter):
    """Of a counter none of whose blocks goes on counting: RemoteError where one is damaged that did."""
    found = [_what_counts(counter, index) for index in (0, 1) if counter.position(index) == -2]
    alone = counter.position(0) < 0 and counter.position(1) < 0
    # What is given up always has another that counts.
    if _DAMAGED in found or (alone and _OVER in found):
        raise RemoteError(
            "the counter's flash blocks are damaged, so that nobody knows how far it had counted; take ringcast off "
            "the board (flash --erase) and provision again"
        )


def _what_counts(counter, index):
    state = _NOT_OURS
    header = bytearray(_HEADER_BYTES)
    for at in _COPIES_AT:
        counter.flash.read(counter.blocks[index], at, header)
        if _is_near(header, counter.magic):
            # Whole: with cells between 0 and 1, it was read otherwise a moment ago and was just being begun.
            if crc32_mpeg2(memoryview(header)[_MAGIC_BYTES:]):
                state = state or _DAMAGED
        elif not at and not any(memoryview(header)[:_MAGIC_BYTES]):
            # Given up, its first copy is 0; filled with 0, all of it is.
            counter.flash.read(counter.blocks[index], _HEADER_BYTES, header)
            state = _OVER if all(octet == 0xFF for octet in header) else _DAMAGED
    return state


def set_up(counter):
    """Programs the header of the block that counts, once more where it is there."""
    block = counter.blocks[counter.at]
    header = bytearray(_HEADER_BYTES)
    struct.pack_into(">I", header, _MAGIC_BYTES, counter.start)
    struct.pack_into(">I", header, _HEADER_BYTES - 4, crc32_mpeg2(memoryview(header)[_MAGIC_BYTES:-4]))
    for at in _COPIES_AT:
        counter.flash.program(block, at + _MAGIC_BYTES, memoryview(header)[_MAGIC_BYTES:])
        counter.flash.program(block, at, counter.magic)


def begin(counter):
    """Erases the other block, and has it go on from what was reached. The value stays."""
    index = 0 if counter.at is None else 1 - counter.at
    block = counter.blocks[index]
    if counter.at is not None:
        # Its headers go first: half-erased it is then nothing that looks like a count.
        for at in _COPIES_AT:
            counter.flash.program(block, at, bytes(_HEADER_BYTES))
    counter.flash.erase(block)
    page = bytearray(_PAGE_BYTES)
    for at in range(0, counter.flash.block_bytes, _PAGE_BYTES):
        counter.flash.read(block, at, page)
        if not all(octet == 0xFF for octet in page):
            refuse("the counter's block does not erase")
    before = counter.at, counter.start, counter.length
    counter.at, counter.start, counter.length = index, counter.start + counter.length, 0
    set_up(counter)
    if counter.position(index) != counter.start:
        counter.at, counter.start, counter.length = before
        refuse("the counter's block does not read back")
