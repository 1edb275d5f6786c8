"""What the viewer says behind `shop`, and what becomes of it: done at once, or an errand.

`server URL`, `forget`, `register LOGIN PASSWORD`, `login LOGIN PASSWORD`, `logout`, `balance`, `redeem CARD`, `tastes`,
`join NAME [for PRICE]`, `leave NAME`, `list [TASTE]`, `search WORDS`, `buy TITLE [PRICE]`, `offers TITLE`,
`rent TITLE OFFER [PRICE]`, `restore`, `order UNITS`, `download TITLE`, `play TITLE`, `household`, `add PLAYER`,
`remove PLAYER`, `cancel`.
"""

from settop.errors import LocalError, RemoteError
from settop.wire import shop as wire

LARGEST = (1 << 31) - 1
_HOW = (
    "shop takes server URL, forget, register or login LOGIN PASSWORD, logout, balance, redeem CARD, tastes, join "
    "NAME [for PRICE], leave NAME, list [TASTE], search WORDS, buy TITLE [PRICE], offers TITLE, rent TITLE OFFER "
    "[PRICE], restore, order UNITS, download or play TITLE, household, add or remove PLAYER, cancel"
)
# (word, what is asked for, what stands behind it). T: a text, the last of which takes the rest; N: a number; lower
# case: may be missing; 0, -: a number 0, an empty text that nobody says; F: a text and `for` its price, which may be
# missing; P: a player's id.
_ASKED = (
    ("register", 3, "TT"),
    ("login", 4, "TT"),
    ("logout", 5, ""),
    ("balance", 6, ""),
    ("redeem", 7, "T"),
    ("tastes", 8, "0"),
    ("join", 9, "F"),
    ("leave", 10, "T"),
    ("list", 11, "0t-"),
    ("search", 11, "0-T"),
    ("buy", 12, "Nn"),
    ("restore", 13, "0"),
    ("download", 14, "N"),
    ("order", 15, "N"),
    ("household", 16, "0"),
    ("add", 17, "P"),
    ("remove", 18, "P"),
    ("offers", 19, "0N"),
    ("rent", 20, "NNn"),
)


def obey(terminal, words, now_ms):
    """What is under way from now on (settop.services.shop.errand), or None where it was done. Raises RemoteError for
    words that are none, LocalError for what cannot be now, and what the keystore does."""
    from settop.services.shop.kept import Kept

    kept = Kept(terminal.records("shop"))
    verb = words[1] if len(words) > 1 else ""
    if verb == "server" and len(words) == 3:
        kept.store_server(words[2])
        terminal.report("shop_server", words[2])
        return None
    if words[1:] == ["forget"]:
        kept.forget_client()
        terminal.report("shop_forgotten")
        return None
    if verb == "play" and len(words) == 3:
        from settop.titles.files import files_of

        titles = terminal.services.get("titles")
        if titles is None:
            raise LocalError("this board starts no service titles: it plays none")
        path = files_of(terminal.board).path_of(_number(words[2]))
        if path is None:
            raise LocalError("title %s is not here: say shop download %s" % (words[2], words[2]))
        titles.command(["play", path], now_ms)
        return None
    for word, what, form in _ASKED:
        if word == verb:
            if what in wire.OF_PLAYERS and terminal.services.get("dock") is None:
                raise LocalError("this board starts no service dock: it has no use for players")
            from settop.services.shop.errand import Errand

            return Errand(terminal, kept, what, _values(words[2:], form), now_ms)
    raise RemoteError(_HOW)


_BLANK = {"0": 0, "-": ""}


def _values(words, form):
    if form == "F":
        if len(words) > 2 and words[-2] == "for":
            return _values(words[:-2], "T") + [_number(words[-1])]
        return _values(words, "T") + [wire.ANY_PRICE]
    if form == "P":
        if len(words) != 1 or len(words[0]) != 16 or words[0].strip("0123456789abcdefABCDEF"):
            raise RemoteError("a player's id has 16 hex digits")
        return [int(words[0], 16)]
    values = []
    at = 0
    for place, kind in enumerate(form):
        if kind in _BLANK:
            values.append(_BLANK[kind])
        elif kind in "tT":
            end = len(words) if "T" not in form[place + 1 :] else at + 1
            text = " ".join(words[at:end])
            if (kind == "T" and not text) or len(text) > wire.MAX_TEXT:
                raise RemoteError(_HOW)
            values.append(text)
            at = end
        elif at < len(words):
            values.append(_number(words[at]))
            at += 1
        elif kind == "n":
            values.append(wire.ANY_PRICE)
        else:
            raise RemoteError(_HOW)
    if at < len(words):
        raise RemoteError(_HOW)
    return values


def _number(text):
    if not 0 < len(text) <= 10 or text.strip("0123456789") or int(text) > LARGEST:
        raise RemoteError("a number from 0 to %d" % LARGEST)
    return int(text)
