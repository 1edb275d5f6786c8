"""What the terminal knows of itself. Record "identity" of service "terminal", as provisioning leaves it:

    version u8             2
    terminal_id 8 bytes
    device_key 32 bytes    shared with the head-end, never sent

Version 1 had the call centre's telephone number behind these (settop.keystore.migrate), which is now a record of the
call's.
"""

from settop.crypto.wipe import wipe
from settop.errors import LocalError, RemoteError
from settop.wire.ids import DEVICE_KEY_BYTES, TERMINAL_ID_BYTES

SERVICE = "terminal"
NAME = "identity"
_VERSION = 2
_KEY_AT = 1 + TERMINAL_ID_BYTES
RECORD_BYTES = _KEY_AT + DEVICE_KEY_BYTES


class Identity:
    """`terminal_id` (8 bytes), `device_key` (32, copied into a bytearray that wipe() zeroes).

    Raises LocalError for other lengths.
    """

    def __init__(self, terminal_id, device_key):
        if len(terminal_id) != TERMINAL_ID_BYTES:
            raise LocalError("terminal id of %d bytes, expected %d" % (len(terminal_id), TERMINAL_ID_BYTES))
        if len(device_key) != DEVICE_KEY_BYTES:
            raise LocalError("device key of %d bytes, expected %d" % (len(device_key), DEVICE_KEY_BYTES))
        self.terminal_id = bytes(terminal_id)
        self.device_key = bytearray(device_key)

    def wipe(self):
        """Zeroes the device key."""
        wipe(self.device_key)


def pack_identity(identity):
    """The record's bytes, as a bytearray for the caller to wipe."""
    out = bytearray(RECORD_BYTES)
    out[0] = _VERSION
    out[1:_KEY_AT] = identity.terminal_id
    out[_KEY_AT:] = identity.device_key
    return out


def unpack_identity(data):
    """Record bytes to Identity. Raises RemoteError for another version or length."""
    if len(data) < 1 or data[0] != _VERSION:
        raise RemoteError("identity record of an unknown version, expected %d; provision again" % _VERSION)
    if len(data) != RECORD_BYTES:
        raise RemoteError("identity record of %d bytes is cut short or too long; provision again" % len(data))
    view = memoryview(data)
    return Identity(view[1:_KEY_AT], view[_KEY_AT:])


def load_identity(records):
    """This terminal's Identity; None where not provisioned. Raises RemoteError for a damaged record.

    `records`: those of service "terminal".
    """
    data = records.load(NAME)
    if data is None:
        return None
    try:
        return unpack_identity(data)
    finally:
        wipe(data)
