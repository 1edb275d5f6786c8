"""Lock keys and counter of a pyboard, in the last sector of the STM32F405's flash (RM0090, chapter 3): 128 KiB at
0x080E0000.

The stock image ends some 400 KiB below it, and the file system is at the other end. Why there: RTC backup registers
lose their content with the power unless a battery is fitted, one-time-programmable memory would last for 16 terminals,
and everything else is image or file system. The price: whoever can read the flash (a debug probe, the ROM's boot
loader) reads the keys, as on every board here; and erasing the whole chip takes them off.

The sector is never erased: that would stop the processor for a second or two, and a power cut in it would take all at
once. Flash clears bits without erasing (RM0090, 3.6.3), so everything is appended:

    0x0000 to 0x1FFF     what formats before 4 left: records of 40 octets, "RCLK1" 0 0 0 and a lock key; read, and
                         overwritten when it is given up
    0x2000 to 0x9FFF     512 slots of 64 octets: 0x5A00 and the number of a block (settop.keystore.blocks), the block's
                         first 62 octets; given up, all of it is 0. A block that is erased and programmed takes the
                         next
    0xA000 to 0x1FFFF    the counter: a bit for each count, of each half-word the lowest first; 720,896 counts

Where the slots are used up, store_lock() says ENOSPC, and the lock keys that are there stay as they are: after 512 new
identities. Where the bits are used up, count() says that it is worn out, and what was reached can still be read: 200
counts a day last ten years.
"""

import errno

import machine
import stm
import uctypes

_SECTOR = 0x080E0000
_SECTOR_BYTES = 131072
_OLD_MAGIC = b"RCLK1\x00\x00\x00"
_OLD_RECORD_BYTES = 40  # the magic, the lock key
_SLOTS_AT = 0x2000
_SLOT_BYTES = 64
_TAG = 0x5A  # the high octet; the low one is the block's number
_COUNTER_AT = 0xA000
_COUNTER_BITS = (_SECTOR_BYTES - _COUNTER_AT) * 8
_CHUNK_BYTES = 256
_ENOSPC = 28  # this port's errno does not name it

# Of the flash controller (RM0090, 3.9).
_KEYR = 0x40023C04
_SR = 0x40023C0C
_CR = 0x40023C10
_KEYS = (0x45670123, 0xCDEF89AB)
_SR_BUSY = 0x10000
_SR_ERRORS = 0xF2  # operation, write protection, alignment, parallelism, sequence
_CR_PROGRAM = 0x101  # 16 bits at a time: a half-word is a small integer, and no part of the key is left on the heap
_CR_LOCK = 0x80000000


class _Slots:
    """The face that settop.keystore.blocks wants, for lock keys."""

    block_bytes = 256

    def read(self, block, at, view):
        for i in range(len(view)):
            view[i] = 0xFF
        start, size = _place(block)
        if start is not None and at < size:
            count = min(len(view), size - at)
            view[:count] = memoryview(uctypes.bytearray_at(_SECTOR + start + at, count))

    def program(self, block, at, data):
        start, size = _place(block)
        if start is None:
            start, size = _new_slot(block)
        _write(start + at, memoryview(data)[: size - at])

    def erase(self, block):
        start, size = _place(block)
        while start is not None:
            _write(start, bytes(size))
            if size != _OLD_RECORD_BYTES:
                _write(start - 2, bytes(2))
            start, size = _place(block)


class _Counter:
    """Bits that are cleared one by one."""

    def __init__(self):
        self._reached = None

    def value(self):
        if self._reached is None:
            self._reached = _counted()
            if self._reached:
                self._mark(self._reached - 1)  # a cut may have left it between 0 and 1
        return self._reached

    def count(self):
        from settop.errors import RemoteError

        reached = self.value()
        try:
            if reached == _COUNTER_BITS:
                raise OSError(_ENOSPC)
            self._mark(reached)
        except OSError:
            raise RemoteError("the counter's flash sector is used up, worn out or failing; replace the board")
        self._reached = reached + 1
        return self._reached

    def _mark(self, number):
        half = 0xFFFE << number % 16 & 0xFFFF
        _write(_COUNTER_AT + number // 16 * 2, bytes((half & 0xFF, half >> 8)))


def _vault():
    from settop.keystore.blocks import Locks

    return Locks(_Slots(), (0, 1)), _Counter()


def _counted():
    """From the end: a bit that is wrongly 0 makes the count higher, and none makes it lower."""
    blank = b"\xff" * _CHUNK_BYTES
    at = _SECTOR_BYTES
    while at > _COUNTER_AT:
        at -= _CHUNK_BYTES
        chunk = uctypes.bytearray_at(_SECTOR + at, _CHUNK_BYTES)
        if chunk != blank:
            last = _CHUNK_BYTES - 1
            while chunk[last] == 0xFF:
                last -= 1
            bits = 8
            while chunk[last] >> bits - 1 & 1:
                bits -= 1
            return (at - _COUNTER_AT + last) * 8 + bits
    return 0


def _place(block):
    """(offset, octets) of what a block holds now; (None, 0) where that is nothing."""
    for at in range(_SLOTS_AT, _COUNTER_AT, _SLOT_BYTES):
        tag = uctypes.bytearray_at(_SECTOR + at, 2)
        if tag[1] == _TAG and tag[0] == block:
            return at + 2, _SLOT_BYTES - 2
    newest = None if block else _old()
    return (None, 0) if newest is None else (newest, _OLD_RECORD_BYTES)


def _old():
    """Offset of the last record of formats before 4 that is not all 0: whole, or not yet quite given up."""
    newest = None
    for at in range(0, _SLOTS_AT - _OLD_RECORD_BYTES + 1, _OLD_RECORD_BYTES):
        record = uctypes.bytearray_at(_SECTOR + at, _OLD_RECORD_BYTES)
        if any(record) and all(record[i] & _OLD_MAGIC[i] == record[i] for i in range(len(_OLD_MAGIC))):
            newest = at
    return newest


def _new_slot(block):
    for at in range(_SLOTS_AT, _COUNTER_AT, _SLOT_BYTES):
        if all(octet == 0xFF for octet in uctypes.bytearray_at(_SECTOR + at, _SLOT_BYTES)):
            _write(at, bytes((block, _TAG)))
            return at + 2, _SLOT_BYTES - 2
    raise OSError(_ENOSPC)


def _write(at, data):
    """Program `data` (of even length), as a half-word each: the file system's flash interrupt may come between two."""
    mem16, mem32 = stm.mem16, stm.mem32
    for offset in range(0, len(data), 2):
        half = data[offset] | data[offset + 1] << 8
        state = machine.disable_irq()
        try:
            if mem32[_CR] & _CR_LOCK:
                for key in _KEYS:
                    mem32[_KEYR] = key
            mem32[_SR] = _SR_ERRORS  # old ones: a one clears
            mem32[_CR] = _CR_PROGRAM
            mem16[_SECTOR + at + offset] = half
            while mem32[_SR] & _SR_BUSY:
                pass
            failed = mem32[_SR] & _SR_ERRORS
            mem32[_CR] = _CR_LOCK
        finally:
            machine.enable_irq(state)
        if failed or mem16[_SECTOR + at + offset] & half != mem16[_SECTOR + at + offset]:
            raise OSError(errno.EIO)
