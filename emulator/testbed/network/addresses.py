"""IPv4 addresses: text on the outside, four octets within."""

from settop.errors import LocalError

Endpoint = tuple[str, int]
"""An address as text and a port, as sockets have them."""

ANY = bytes(4)
EVERYBODY = b"\xff" * 4
ALL_SYSTEMS = bytes((224, 0, 0, 1))
ALL_ROUTERS = bytes((224, 0, 0, 2))


def to_octets(text: str) -> bytes:
    """The four octets of "203.0.113.7". LocalError for anything else."""
    parts = text.split(".")
    if len(parts) != 4 or not all(part.isascii() and part.isdigit() and len(part) <= 3 for part in parts):
        raise LocalError(f"address {text!r}, expected four numbers with points between them")
    numbers = [int(part) for part in parts]
    if max(numbers) > 255:
        raise LocalError(f"address {text!r} has a number above 255")
    return bytes(numbers)


def to_text(octets: bytes) -> str:
    """The opposite of to_octets."""
    return ".".join(map(str, octets))


def is_group(address: bytes) -> bool:
    """Whether it is a multicast group (RFC 1112, 4): 224.0.0.0 to 239.255.255.255."""
    return 224 <= address[0] <= 239


def port_number(port: int) -> int:
    """The port itself. LocalError unless it is 1 to 65,535."""
    if not 1 <= port <= 0xFFFF:
        raise LocalError(f"port {port}, expected 1 to 65535")
    return port
