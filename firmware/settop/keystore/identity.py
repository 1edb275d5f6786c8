"""What the terminal knows of itself: its identity and its boot counter.

Keystore record "identity", as provisioning leaves it:

    version u8             1
    terminal_id 8 bytes
    device_key 32 bytes    shared with the call centre, never sent
    length u8              1..20
    number                 `length` ASCII characters of 0-9 * # A-D: the call centre's telephone number

Keystore record "boot": the last boot's number as u32.
"""

import struct

from settop.crypto.wipe import wipe
from settop.errors import LocalError, RemoteError
from settop.wire.ids import DEVICE_KEY_BYTES, TERMINAL_ID_BYTES

_IDENTITY_RECORD = "identity"
_BOOT_RECORD = "boot"
MAX_NUMBER_CHARS = 20
_VERSION = 1
_NUMBER_AT = 1 + TERMINAL_ID_BYTES + DEVICE_KEY_BYTES + 1
_DIGITS = b"0123456789*#ABCD"  # what a modem dials: no + of international notation


class Identity:
    """`terminal_id` (8 bytes), `device_key` (32, copied into a bytearray that wipe() zeroes), `number` (str).

    Raises LocalError for other lengths or characters.
    """

    def __init__(self, terminal_id, device_key, number):
        fault = _fault(terminal_id, device_key, number.encode())
        if fault:
            raise LocalError(fault)
        self.terminal_id = bytes(terminal_id)
        self.device_key = bytearray(device_key)
        self.number = number

    def wipe(self):
        """Zeroes the device key."""
        wipe(self.device_key)


def pack_identity(identity):
    """The record's bytes, as a bytearray for the caller to wipe."""
    number = identity.number.encode()
    out = bytearray(_NUMBER_AT + len(number))
    out[0] = _VERSION
    out[1 : 1 + TERMINAL_ID_BYTES] = identity.terminal_id
    out[1 + TERMINAL_ID_BYTES : _NUMBER_AT - 1] = identity.device_key
    out[_NUMBER_AT - 1] = len(number)
    out[_NUMBER_AT:] = number
    return out


def unpack_identity(data):
    """Record bytes to Identity. Raises RemoteError for another version, length or characters."""
    if len(data) < 1 or data[0] != _VERSION:
        raise RemoteError("identity record of an unknown version, expected %d; provision again" % _VERSION)
    if len(data) < _NUMBER_AT or len(data) != _NUMBER_AT + data[_NUMBER_AT - 1]:
        raise RemoteError("identity record of %d bytes is cut short or too long; provision again" % len(data))
    view = memoryview(data)
    terminal_id = bytes(view[1 : 1 + TERMINAL_ID_BYTES])
    device_key = view[1 + TERMINAL_ID_BYTES : _NUMBER_AT - 1]
    number = bytes(view[_NUMBER_AT:])
    fault = _fault(terminal_id, device_key, number)
    if fault:
        raise RemoteError("identity record: " + fault + "; provision again")
    return Identity(terminal_id, device_key, number.decode())


def load_identity(keystore):
    """This terminal's Identity; None where not provisioned. Raises RemoteError for a damaged record."""
    data = keystore.load(_IDENTITY_RECORD)
    if data is None:
        return None
    try:
        return unpack_identity(data)
    finally:
        wipe(data)


def store_identity(keystore, identity):
    """Provisions the terminal: seals `identity` into the keystore."""
    data = pack_identity(identity)
    try:
        keystore.store(_IDENTITY_RECORD, data)
    finally:
        wipe(data)


def next_boot(keystore):
    """This boot's number, from 1, which no other boot gets; stored before it is returned. Call once a boot.

    Raises RemoteError where the record does not open: counting again from 1 would repeat numbers.
    """
    damaged = keystore.report()["damaged_slots"]
    data = keystore.load(_BOOT_RECORD)
    if data is None:
        count = 0
    elif len(data) != 4:
        raise RemoteError("boot counter of %d bytes, expected 4; provision again" % len(data))
    else:
        count = struct.unpack(">I", data)[0]
    # The slot that does not open may have held the next number, already used.
    count += 1 if keystore.report()["damaged_slots"] == damaged else 2
    keystore.store(_BOOT_RECORD, struct.pack(">I", count))
    return count


def _fault(terminal_id, device_key, number):
    """What is wrong with the fields, or None."""
    if len(terminal_id) != TERMINAL_ID_BYTES:
        return "terminal id of %d bytes, expected %d" % (len(terminal_id), TERMINAL_ID_BYTES)
    if len(device_key) != DEVICE_KEY_BYTES:
        return "device key of %d bytes, expected %d" % (len(device_key), DEVICE_KEY_BYTES)
    if not 1 <= len(number) <= MAX_NUMBER_CHARS or any(char not in _DIGITS for char in number):
        return "telephone number: expected 1 to %d characters of 0-9 * # A-D" % MAX_NUMBER_CHARS
    return None
