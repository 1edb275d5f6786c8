"""Whether a terminal's firmware speaks the formats of this host, by its `ready` or `status` line."""

from settop.version import FORMATS, VERSION
from settop.wire.console import value

UNNAMED = 1
"""A firmware that names no number is from before there was one."""
_NEWS = {
    2: "it takes a broadcast that announces its price for somebody else's and stays dark, and cannot say DARK",
    3: "where LINK is 'cable', it speaks an older version of that",
    4: "what it keeps in flash can be put back unseen, and its provisioning is another",
}
"""By FORMATS: what a firmware from before it does not do."""


def formats_of(text: str) -> int:
    """FORMATS of the firmware that says this; UNNAMED where it names none, or nothing that is a number."""
    said = value(text, "formats") or ""
    return int(said) if said.isascii() and said.isdecimal() and len(said) <= 6 else UNNAMED


def mismatch(text: str, frozen: bool = False) -> str | None:
    """What it means that the firmware is older or newer than this host, and what to do; None where it is neither.

    frozen: it is inside the board's image, so that a flash does not replace it.
    """
    theirs = formats_of(text)
    if theirs == FORMATS:
        return None
    version, board = value(text, "version"), value(text, "board") or "NAME"
    which = f"the terminal's firmware{'' if version is None else ' ' + version} has FORMATS {theirs}"
    if theirs > FORMATS:
        return (
            f"{which}, newer than the {FORMATS} of ringcast {VERSION} on this computer, which may not understand it: "
            "update ringcast here"
        )
    lacks = "; ".join(text for number, text in sorted(_NEWS.items()) if theirs < number <= FORMATS)
    renew = (
        f"put a new image on it: ./ringcast firmware --board {board}"
        if frozen
        else f"flash it again: ./ringcast flash --board {board} --port PORT"
    )
    return f"{which}, older than the {FORMATS} of ringcast {VERSION} on this computer: {lacks}; {renew}"
