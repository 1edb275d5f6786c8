"""The keystore of firmware of FORMATS 3 or less, brought to today's format at the first start.

That firmware kept two records without a service, under keys with another label: "boot", the last boot's number as u32,
and "identity":

    version u8             1
    terminal_id 8 bytes
    device_key 32 bytes
    length u8              1..20
    number                 `length` ASCII characters of 0-9 * # A-D: the call centre's telephone number

The new records are written beside the old ones, then the list, which names the old files as pending; until the list is
whole every start begins again, and behind it the old files go like any others that are pending.
"""

import struct

from settop.crypto.wipe import wipe
from settop.errors import RingcastError
from settop.keystore.identity import NAME, SERVICE, Identity, pack_identity
from settop.keystore.listing import UNKNOWN_BASE, entry_of, stem_of
from settop.keystore.slots import OLD, PLAIN
from settop.wire.ids import DEVICE_KEY_BYTES, TERMINAL_ID_BYTES

_LABEL = b"ringcast keystore 1"
_KEY_AT = 1 + TERMINAL_ID_BYTES
_LENGTH_AT = _KEY_AT + DEVICE_KEY_BYTES
_OLD_NAMES = ("identity", "boot")


def migrate(keystore):
    """Write the new records of `keystore` and set its base, entries and pending for the list's first commit."""
    keystore.base = _last_boot(keystore)
    keystore.pending = " ".join(_OLD_NAMES)
    keystore.entries = b""
    stem = stem_of(SERVICE, NAME)
    found = keystore.find("identity", OLD, label=_LABEL)
    keystore.damaged_slots += found.damaged
    if found.data is None and found.files < 2:
        return  # never stored, or the first store was cut
    record, number = _parts(found)
    if record is None:
        # It is named and not there: so every start says that it is damaged, and not that there was none.
        keystore.entries = entry_of(stem, 0)
        return
    try:
        for name, data in ((stem, record), ("call-number", number)):
            slot = keystore.seal(name, PLAIN, 1, data)
            keystore.put(name, 0, slot)
            keystore.put(name, 1, slot)
            keystore.entries += entry_of(name, 0)
    finally:
        wipe(record)


def _last_boot(keystore):
    found = keystore.find("boot", OLD, label=_LABEL)
    keystore.damaged_slots += found.damaged
    if found.data is not None and len(found.data) == 4:
        # The slot that does not open may have held the next number, already used.
        return struct.unpack(">I", found.data)[0] + (1 if found.damaged else 0)
    return UNKNOWN_BASE if found.files == 2 or found.data is not None else 0


def _parts(found):
    """(identity record, number), wiping the old record; (None, None) where it is none."""
    data = found.data
    if data is None:
        return None, None
    try:
        if len(data) <= _LENGTH_AT or data[0] != 1 or len(data) != _LENGTH_AT + 1 + data[_LENGTH_AT]:
            return None, None
        view = memoryview(data)
        identity = Identity(view[1:_KEY_AT], view[_KEY_AT:_LENGTH_AT])
        record = pack_identity(identity)
        identity.wipe()
        return record, bytes(view[_LENGTH_AT + 1 :])
    except RingcastError:
        return None, None
    finally:
        found.forget()
