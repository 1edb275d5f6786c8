"""A title's licence for one terminal, as it comes over the console (docs/protocols/licence.md has it in hex).

    to the terminal     its answer (settop.wire.console)
    licence BLOB        licensed kid=KID
    licence forget KID  forgotten kid=KID

    KEK  = HKDF-SHA256(IKM = device key, no salt, info = info_of(terminal id)), KEK_BYTES
    BLOB = AES key wrap (RFC 3394) under KEK of key id (KID_BYTES) and key (KEY_BYTES), in hex

What it says of the key nobody reads who has not the device key, and what was altered, or is for another terminal,
does not unwrap.
"""

COMMAND = "licence"
LICENSED = "licensed"
FORGET = "forget"
FORGOTTEN = "forgotten"
LABEL = b"ringcast title licence 1"
KEK_BYTES = 16
KID_BYTES = 16
KEY_BYTES = 16
BLOB_BYTES = 8 + KID_BYTES + KEY_BYTES


def info_of(terminal_id):
    """What the key that wraps is for."""
    return LABEL + bytes(terminal_id)


def pack_command(blob):
    """The console line that brings a licence."""
    return "%s %s" % (COMMAND, bytes(blob).hex())
