"""A terminal's console as octets come: its own lines (settop.wire.console) among whatever else there is."""

from settop.wire.console import parse

_NOISE = bytes(octet for octet in range(256) if not 0x20 <= octet < 0x7F)
"""What a serial line brings while a board gets its power, right before the first line."""


def find_line(heard: bytes | bytearray, event: str) -> tuple[str, int] | None:
    """(TEXT, place behind its end) of the first whole line of that event; None where there is none yet."""
    at = 0
    while (end := heard.find(b"\n", at) + 1) > 0:
        found = parse(bytes(heard[at:end]).lstrip(_NOISE).decode("utf-8", "replace"))
        if found is not None and found[1] == event:
            return found[2], end
        at = end
    return None
