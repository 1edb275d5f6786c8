"""Tokens and the messages of settop.wire.stream as text: base64 (RFC 4648), and where RTSP carries it (RFC 4567)."""

import binascii

from settop.errors import RemoteError
from settop.wire.stream import SEALED_BYTES, SECRET_BYTES

PROTOCOL = "ringcast"
"""In the description's attribute key-mgmt and the field KeyMgmt (RFC 4567)."""


def to_text(octets):
    """base64 as str (RFC 4648 section 4), in one line."""
    return binascii.b2a_base64(octets).strip().decode()


def from_text(text, most):
    """The octets of at most `most`. Raises RemoteError for what is not exactly what to_text would give."""
    if not 0 < len(text) <= -(-most // 3) * 4:
        raise RemoteError("base64 of %d characters" % len(text))
    try:
        octets = binascii.a2b_base64(text)
    except ValueError:
        raise RemoteError("what is no base64")
    if to_text(octets).encode() != bytes(text):
        raise RemoteError("base64 in another form than its own")
    return octets


def pack_token(sealed, secret):
    """The text that a viewer is given."""
    return _url_text(bytes(sealed) + bytes(secret))


def parse_token(text):
    """(sealed part, secret as a bytearray, which is the caller's to wipe). Raises RemoteError for what is no token."""
    octets = _from_url_text(text.encode(), SEALED_BYTES + SECRET_BYTES)
    return octets[:SEALED_BYTES], bytearray(octets[SEALED_BYTES:])


def pack_sealed(sealed):
    """The sealed part alone, as Authorization has it."""
    return _url_text(sealed)


def parse_sealed(text):
    """The sealed part. text: as bytes. Raises RemoteError for what is none."""
    return _from_url_text(text, SEALED_BYTES)


def _url_text(octets):
    """base64url (RFC 4648 section 5)."""
    return to_text(octets).replace("+", "-").replace("/", "_")


def _from_url_text(text, size):
    if b"+" in text or b"/" in text:
        raise RemoteError("a token with a character that none may have")
    octets = from_text(text.replace(b"-", b"+").replace(b"_", b"/"), size)
    if len(octets) != size:
        raise RemoteError("a token of another length")
    return octets


def pack_field(url, octets):
    """The value of the field KeyMgmt (RFC 4567 3.2)."""
    return 'prot=%s; uri="%s"; data="%s"' % (PROTOCOL, url, to_text(octets))


def parse_field(value, most):
    """The octets of our protocol's entry, None where there is none. value: as bytes. Raises RemoteError."""
    for entry in value.split(b","):
        parts = {}
        for part in entry.split(b";"):
            name, _, text = part.strip().partition(b"=")
            parts[name.strip().lower()] = text.strip().strip(b'"')
        if parts.get(b"prot") == PROTOCOL.encode():
            return from_text(parts.get(b"data", b""), most)
    return None


def pack_attribute(octets):
    """The value of the description's attribute key-mgmt (RFC 4567 3.1)."""
    return "%s %s" % (PROTOCOL, to_text(octets))


def parse_attribute(value, most):
    """The octets, None for another protocol's. value: as str. Raises RemoteError."""
    name, _, text = value.strip().partition(" ")
    return from_text(text.strip().encode(), most) if name == PROTOCOL else None
