"""The call's console commands: `call [NUMBER] [--max-price N]`, `hangup`, `secrecy on|off`."""

from settop.errors import RemoteError
from settop.wire.offer import MAX_PRICE

COMMANDS = ("call", "hangup", "secrecy")


def obey(service, words, now_ms):
    """Do what the words say, the first of which is one of COMMANDS. Raises RemoteError for other arguments."""
    verb = words[0]
    if verb == "call":
        max_price = _take_price(words)
        if len(words) > 2:
            raise RemoteError("call takes a number and --max-price N, each once")
        service.dial(words[1] if len(words) == 2 else None, now_ms, max_price)
    elif verb == "secrecy":
        if words[1:] not in (["on"], ["off"]):
            raise RemoteError("secrecy is on or off")
        service.choose_secrecy(words[1])
    elif len(words) > 1:
        raise RemoteError("hangup takes no arguments")
    else:
        service.hang_up(now_ms)


def _take_price(words):
    """Take `--max-price N` out of a command's words: N (0 to MAX_PRICE, minor units), or None. Raises RemoteError."""
    if "--max-price" not in words:
        return None
    at = words.index("--max-price")
    digits = words[at + 1] if at + 1 < len(words) else ""
    del words[at : at + 2]
    for digit in digits:
        if digit not in "0123456789":
            digits = ""
    if not 0 < len(digits) <= 10 or int(digits) > MAX_PRICE:
        raise RemoteError("--max-price takes a number of minor units, 0 to %d" % MAX_PRICE)
    return int(digits)
