"""From characters to command lines to commands (ITU-T V.250 clauses 5.2 to 5.4)."""

from collections.abc import Iterator
from dataclasses import dataclass

from settop.errors import RemoteError

from testbed.line.registers import SETTINGS, Profile

LINE_LIMIT = 255  # characters after AT; V.250 5.4.1 wants at least 40

_BASIC = frozenset(("A", "H", "I", "O", "P", "T", "Z", "&F", "&T", "&V", "&W", "&Y", "&Z", *SETTINGS))
_PREFIXES = frozenset(name[0] for name in _BASIC if len(name) == 2)
_NAME = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!%-./:_")


class AtError(RemoteError):
    """The command line is not one that this modem understands; the DTE sees ERROR."""


@dataclass(frozen=True)
class Command:
    """One command. `name` such as "E", "&F", "S", "D" or "+GMM".

    `op`: "" (act; `number` holds the digits, 0 when none), "?" (read), "=" (set; `text` holds the value),
    "=?" (test). For D, `text` is the dial string, without spaces and in capitals, and `op` is ";" when the modem shall
    stay in command state.
    """

    name: str
    op: str = ""
    number: int = 0
    text: str = ""


class LineEditor:
    """Collects a command line: finds AT after any garbage, echoes, deletes, repeats on A/."""

    def __init__(self) -> None:
        self._line: bytearray | None = None
        self._have_a = False
        self._last = ""

    @property
    def empty(self) -> bool:
        """Whether no command line has been begun."""
        return self._line is None

    def reset(self) -> None:
        """Forgets the line in progress, keeps the one for A/."""
        self._line = None
        self._have_a = False

    def feed(self, byte: int, profile: Profile) -> tuple[bytes, str | None]:
        """Takes one character: (what to echo, the complete line without its AT, or None while it goes on)."""
        char = byte & 0x7F  # the eighth bit may be a parity (5.1)
        echo = bytes((byte,)) if profile.settings["E"] else b""
        if self._line is None:
            return echo, self._prefix(char)
        if char == profile.s[3]:
            self._last = self._line.decode("ascii")
            self.reset()
            return echo, self._last
        if char == profile.s[5]:
            if not self._line:
                return b"", None
            del self._line[-1]
            return (echo + b" " + echo if echo else b""), None
        if char >= 0x20 and len(self._line) <= LINE_LIMIT:  # one more than the limit tells parse_line
            self._line.append(char)
        return echo, None

    def _prefix(self, char: int) -> str | None:
        upper = char & 0x5F if 0x61 <= char <= 0x7A else char
        have_a, self._have_a = self._have_a, upper == 0x41
        if have_a and upper == 0x54:
            self._line = bytearray()
        elif have_a and char == 0x2F:
            return self._last
        return None


def parse_line(line: str) -> Iterator[Command]:
    """The commands of a line, one by one: those before a mistake come before AtError is raised (5.4.3)."""
    if len(line) > LINE_LIMIT:
        raise AtError(f"command line of more than {LINE_LIMIT} characters")
    yield from _commands(line)


def _commands(line: str) -> Iterator[Command]:
    text, places = _squeeze(line)
    at = 0
    while at < len(text):
        letter = text[at]
        at += 1
        if letter == "D":  # quotes mean nothing in a dial string: it ends at the first semicolon
            number, stay, rest = line[places[at - 1] + 1 :].partition(";")
            yield Command("D", stay, 0, number.replace(" ", "").upper())
            yield from _commands(rest)
            return
        if letter == "S":
            at, number_of = _digits(text, at)
            if text[at : at + 1] == "?":
                yield Command("S", "?", number_of)
                at += 1
            elif text[at : at + 1] == "=":
                start = at + 1
                at, _ = _digits(text, start)
                if text[at : at + 1] == "-" and text[at + 1 : at + 2].isdigit():
                    raise AtError(f"S{number_of} takes no negative value")
                yield Command("S", "=", number_of, text[start:at])
            else:
                raise AtError(f"S{number_of} neither read (S{number_of}?) nor set (S{number_of}=n)")
        elif letter == "+":
            at, command = _extended(text, at)
            yield command
        else:
            name = letter
            if letter in _PREFIXES:
                name += text[at : at + 1]
                at += 1
            if name not in _BASIC:
                raise AtError("unknown command")
            at, value = _digits(text, at)
            if name == "&Z" and text[at : at + 1] in ("=", "?"):
                op, at = text[at], at + 1
                yield Command(name, op, value, text[at:] if op == "=" else "")
                at = len(text) if op == "=" else at
            else:
                yield Command(name, "", value)


def _squeeze(line: str) -> tuple[str, list[int]]:
    """Spaces and case matter inside quotes only: (what matters, where each character stood)."""
    out = []
    places = []
    quoted = False
    for place, char in enumerate(line):
        quoted ^= char == '"'
        if quoted or char != " ":
            out.append(char if quoted else char.upper())
            places.append(place)
    return "".join(out), places


def _digits(text: str, at: int) -> tuple[int, int]:
    """(position after the digits, their value or 0). A value of more than nine digits is an AtError."""
    end = at
    while end < len(text) and text[end] in "0123456789":
        end += 1
    if end - at > 9:
        raise AtError("number of more than nine digits")
    return end, int(text[at:end] or "0")


def _extended(text: str, at: int) -> tuple[int, Command]:
    start = at
    while at < len(text) and text[at] in _NAME:
        at += 1
    name = "+" + text[start:at]
    end = at
    quoted = False
    while end < len(text) and (quoted or text[end] != ";"):
        quoted ^= text[end] == '"'
        end += 1
    rest = text[at:end]
    if rest in ("", "?", "=?"):
        command = Command(name, rest)
    elif rest[0] == "=":
        command = Command(name, "=", 0, rest[1:])
    else:
        raise AtError("extended commands are +NAME, +NAME?, +NAME=? or +NAME=value")
    return end + 1, command
