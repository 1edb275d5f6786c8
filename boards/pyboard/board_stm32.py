"""The lock key of a pyboard, in the last sector of the STM32F405's flash (RM0090, chapter 3): 128 KiB at 0x080E0000.

The stock image ends some 400 KiB below it, and the file system is at the other end. Why there: RTC backup registers
lose their content with the power unless a battery is fitted, one-time-programmable memory would last for 16 terminals,
and everything else is image or file system. The price: whoever can read the flash (a debug probe, the ROM's boot
loader) reads the key, as on every board here; and erasing the whole chip takes it off.

Each provisioning takes the next record, and the one before is overwritten with zeros, which flash allows without
erasing. So the sector, whose erasure would stop the processor for a second or two, is never erased. It has room for
3,276 records.
"""

import errno

import machine
import stm
import uctypes

_SECTOR = 0x080E0000
_SECTOR_BYTES = 131072
_MAGIC = b"RCLK1\x00\x00\x00"
_MARK_BYTES = 6  # of the magic: they say that the record is ours, the others that it is whole
_LOCK_BYTES = 32
_ENOSPC = 28  # this port's errno does not name it
_RECORD_BYTES = 40  # the magic, the lock key

# Of the flash controller (RM0090, 3.9).
_KEYR = 0x40023C04
_SR = 0x40023C0C
_CR = 0x40023C10
_KEYS = (0x45670123, 0xCDEF89AB)
_SR_BUSY = 0x10000
_SR_ERRORS = 0xF2  # operation, write protection, alignment, parallelism, sequence
_CR_PROGRAM = 0x101  # 16 bits at a time: a half-word is a small integer, and no part of the key is left on the heap
_CR_LOCK = 0x80000000


def load_lock():
    """The keystore's lock key (32 bytes), or None."""
    newest, _ = _find()
    if newest is None:
        return None
    return bytearray(memoryview(_record(newest))[len(_MAGIC) :])


def store_lock(lock):
    """Write the lock key into the next record, then overwrite those before.

    A record's last two octets of magic come last, when it is whole, and of those before the key goes first: whatever a
    power cut leaves, one key counts, and the next call overwrites all others. OSError: there is no room (or a larger
    image has taken the sector), or the flash refuses.
    """
    _, free = _find()
    if free is None:
        raise OSError(_ENOSPC)
    magic = memoryview(_MAGIC)
    _write(free, magic[:_MARK_BYTES])
    _write(free + len(_MAGIC), lock)
    _write(free + _MARK_BYTES, magic[_MARK_BYTES:])
    for at in range(0, free, _RECORD_BYTES):
        if _record(at)[:_MARK_BYTES] == magic[:_MARK_BYTES]:
            _write(at + len(_MAGIC), bytes(_LOCK_BYTES))
            _write(at, bytes(len(_MAGIC)))


def _record(at):
    return uctypes.bytearray_at(_SECTOR + at, _RECORD_BYTES)


def _find():
    """Offsets of the record that counts and of the first blank one behind it; None where there is none.

    A record of zeros is over; one of anything else was cut short, and is passed over like it.
    """
    newest = None
    for at in range(0, _SECTOR_BYTES - _RECORD_BYTES + 1, _RECORD_BYTES):
        record = _record(at)
        if record[: len(_MAGIC)] == _MAGIC:
            newest = at
        elif all(octet == 0xFF for octet in record):
            return newest, at
    return newest, None


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
        if failed or mem16[_SECTOR + at + offset] != half:
            raise OSError(errno.EIO)
