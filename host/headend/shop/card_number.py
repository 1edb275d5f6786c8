"""A card's number: 15 digits by chance and one that checks them, by H. M. Damm's quasigroup of order 10 (2004).

It finds every digit that is mistyped, and every two neighbours that changed places.
"""

import secrets

from headend.shop.refusals import CARD_MISTYPED, Refused

DIGITS = 16
_QUASIGROUP = (
    "0317598642",
    "7092154863",
    "4206871359",
    "1750983426",
    "6123045978",
    "3674209581",
    "5869720134",
    "8945362017",
    "9438617205",
    "2581436790",
)
_TYPED_LIMIT = 64
_BETWEEN = " -"


def draw_number() -> str:
    """A new number."""
    digits = f"{secrets.randbelow(10 ** (DIGITS - 1)):0{DIGITS - 1}}"
    return digits + str(_folded(digits))


def read_number(typed: str) -> str:
    """The 16 digits of what somebody typed, with spaces or hyphens or without. Raises Refused where they do not fit."""
    digits = "".join(character for character in typed[:_TYPED_LIMIT] if character not in _BETWEEN)
    if len(typed) > _TYPED_LIMIT or len(digits) != DIGITS or not (digits.isascii() and digits.isdigit()):
        raise Refused(CARD_MISTYPED)
    if _folded(digits):
        raise Refused(CARD_MISTYPED)
    return digits


def printed(number: str) -> str:
    """In fours, as on the card."""
    return " ".join(number[at : at + 4] for at in range(0, DIGITS, 4))


def _folded(digits: str) -> int:
    """0 where the last digit is the check digit of the others; else the check digit that would come next."""
    interim = 0
    for digit in digits:
        interim = int(_QUASIGROUP[interim][int(digit)])
    return interim
