"""Configuration options (RFC 1661, 5): kind, length, value, one behind the other."""

from settop.errors import RemoteError

Option = tuple[int, bytes]


def pack(options: list[Option]) -> bytes:
    return b"".join(bytes((kind, 2 + len(value))) + value for kind, value in options)


def unpack(data: bytes) -> list[Option]:
    """RemoteError: a length that lies. Such a packet is to be dropped whole."""
    found: list[Option] = []
    at = 0
    while at < len(data):
        size = data[at + 1] if at + 1 < len(data) else 0
        if size < 2 or at + size > len(data):
            raise RemoteError("option lengths that lie")
        found.append((data[at], bytes(data[at + 2 : at + size])))
        at += size
    return found
