"""A title's key for one terminal: the console line that brings it, which only that terminal opens
(docs/protocols/licence.md)."""

from Crypto.Cipher import AES
from Crypto.Hash import SHA256
from Crypto.Protocol.KDF import HKDF
from settop.errors import LocalError
from settop.wire import licence as wire
from settop.wire.ids import DEVICE_KEY_BYTES, TERMINAL_ID_BYTES


def licence_line(device_key: bytes, terminal_id: bytes, kid: bytes, key: bytes) -> str:
    """What to say to the terminal of that identity. Raises LocalError for values of other lengths."""
    for what, value, size in (
        ("a device key", device_key, DEVICE_KEY_BYTES),
        ("a terminal id", terminal_id, TERMINAL_ID_BYTES),
        ("a key id", kid, wire.KID_BYTES),
        ("a title's key", key, wire.KEY_BYTES),
    ):
        if len(value) != size:
            raise LocalError(f"{what} has {size} bytes, not {len(value)}")
    kek = HKDF(device_key, wire.KEK_BYTES, b"", SHA256, context=wire.info_of(terminal_id))
    assert isinstance(kek, bytes)
    line: str = wire.pack_command(AES.new(kek, AES.MODE_KW).seal(kid + key))
    return line
