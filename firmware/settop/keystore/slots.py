"""One slot of a record, as it lies in flash. Big-endian:

    magic 4 bytes          "RCks"
    kind u8                1: by a firmware of FORMATS 3 or less; 2: a record; 3: a counted one
    sequence u32           from 1 up; of a plain record the slot with the highest one is current, of a counted one the
                           slot whose sequence the list names (settop.keystore.keystore)
    length u16             bytes of ciphertext
    nonce 13 bytes
    ciphertext             `length` bytes
    tag 16 bytes

AES-128-CCM; all before the nonce is associated data. Its key, and a second one for the nonce, come by
HKDF-SHA-256 from the lock key, with device id, service and record name as purpose: a slot opens nowhere else, for no
other service and under no other name. The nonce is HMAC-SHA-256 over head and plaintext, cut to 13 bytes. So no
randomness is needed, and a slot that is written again after a power cut, with the same sequence but other content, gets
another nonce.
"""

import struct

from settop.crypto import ccm
from settop.crypto.hkdf import hkdf, hmac_sha256
from settop.crypto.wipe import wipe
from settop.errors import LocalError, RemoteError

MAX_RECORD_BYTES = 4096  # keeps a damaged slot from asking for more heap than a board has
MAX_SEQUENCE = 0xFFFFFFFF
OLD = 1
PLAIN = 2
COUNTED = 3
_MAGIC = b"RCks"
_HEAD = ">4sBIH"
_HEAD_BYTES = 11
_NONCE_BYTES = 13
_TAG_BYTES = 16
_BODY_AT = _HEAD_BYTES + _NONCE_BYTES
MAX_SLOT_BYTES = _BODY_AT + MAX_RECORD_BYTES + _TAG_BYTES
_SEAL_KEY_BYTES = 16
_NONCE_KEY_BYTES = 32
# One text for every cause: which check failed must tell nothing.
_REFUSED = "keystore slot refused: cut short, damaged, or sealed for another device or record"


def derive_keys(lock_key, device_id, name, label=b"ringcast keystore 2"):
    """Keys of one record, as a bytearray for seal_slot and open_slot; the caller wipes it.

    `lock_key` at least 16 bytes, `device_id` 0..255 bytes, `name` ASCII, the service's before it. `label`: another
    generation of the format. Raises LocalError outside these.
    """
    if len(lock_key) < 16:
        raise LocalError("lock key of %d bytes, expected 16 or more" % len(lock_key))
    if len(device_id) > 255:
        raise LocalError("device id of %d bytes, expected at most 255" % len(device_id))
    info = label + bytes((len(device_id),)) + bytes(device_id) + name.encode()
    return hkdf(lock_key, b"", info, _SEAL_KEY_BYTES + _NONCE_KEY_BYTES)


def seal_slot(keys, kind, sequence, data):
    """The slot's bytes. `kind` PLAIN or COUNTED; `sequence` 1..2^32-1, `data` to MAX_RECORD_BYTES, else LocalError."""
    if not 1 <= sequence <= MAX_SEQUENCE:
        raise LocalError("keystore sequence %d, expected 1 to %d" % (sequence, MAX_SEQUENCE))
    if len(data) > MAX_RECORD_BYTES:
        raise LocalError("keystore record of %d bytes, expected at most %d" % (len(data), MAX_RECORD_BYTES))
    view = memoryview(keys)
    head = struct.pack(_HEAD, _MAGIC, kind, sequence, len(data))
    mac = hmac_sha256(view[_SEAL_KEY_BYTES:], head, data)
    nonce = bytes(memoryview(mac)[:_NONCE_BYTES])
    wipe(mac)
    return head + nonce + ccm.seal(view[:_SEAL_KEY_BYTES], nonce, head, data, _TAG_BYTES)


def open_slot(keys, slot):
    """(kind, sequence, data) of a slot; `data` is a bytearray for the caller to wipe.

    Raises RemoteError, always with the same text, for anything but an undamaged slot sealed under `keys`.
    """
    if not _BODY_AT + _TAG_BYTES <= len(slot) <= MAX_SLOT_BYTES:
        raise RemoteError(_REFUSED)
    head = bytes(slot[:_HEAD_BYTES])
    magic, kind, sequence, length = struct.unpack(_HEAD, head)
    if magic != _MAGIC or not OLD <= kind <= COUNTED or len(slot) != _BODY_AT + length + _TAG_BYTES:
        raise RemoteError(_REFUSED)
    nonce = slot[_HEAD_BYTES:_BODY_AT]
    try:
        data = ccm.open(memoryview(keys)[:_SEAL_KEY_BYTES], nonce, head, memoryview(slot)[_BODY_AT:], _TAG_BYTES)
    except RemoteError:
        raise RemoteError(_REFUSED)
    return kind, sequence, data
