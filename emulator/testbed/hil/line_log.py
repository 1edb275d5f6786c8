"""The log of one line: what crossed it, which way, and when."""

import re
import time
from pathlib import Path

from settop.wire.console import parse

_SHOWN_OCTETS = 48
_LONGEST_LINE = 1000
_HEARD = re.compile(r" *(\d+\.\d+) < (.*)")


class LineLog:
    """Writes `SECONDS < text` for what was heard, `>` for what was said, `*` for notes; no file where `path` is None.

    Seconds count from the log's beginning. text: what is heard comes by lines; otherwise by pieces as they came: how
    many octets, and the first of them, in hex where they are no plain text.
    """

    def __init__(self, path: Path | None, text: bool) -> None:
        self._file = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a", buffering=1, encoding="ascii")
        self._text = text
        self._start_s = time.monotonic()
        self._part = b""  # half a line that was heard

    def heard(self, data: bytes) -> None:
        self._put("<", data)

    def said(self, data: bytes) -> None:
        self._put(">", data)

    def note(self, words: str) -> None:
        if self._part:  # a prompt, say
            self._write("<", _shown(self._part))
            self._part = b""
        self._write("*", _shown(words.encode()))

    def _put(self, way: str, data: bytes) -> None:
        if self._file is None:
            return
        if not self._text:
            head = data[:_SHOWN_OCTETS]
            words = repr(head)[1:] if _is_text(head) else head.hex()
            self._write(way, f"{len(data)} octets {words}{'...' if len(data) > _SHOWN_OCTETS else ''}")
            return
        *lines, part = ((self._part if way == "<" else b"") + data).split(b"\n")
        # Whoever looks wants to see at once what was said; what is heard comes in pieces of no meaning.
        if part and (way == ">" or len(part) > _LONGEST_LINE):
            lines.append(part)
            part = b""
        if way == "<":
            self._part = part
        for line in lines:
            self._write(way, _shown(line.rstrip(b"\r")))

    def _write(self, way: str, words: str) -> None:
        if self._file is not None:
            self._file.write(f"{time.monotonic() - self._start_s:10.3f} {way} {words}\n")


def clocks(console: Path) -> tuple[float, float] | None:
    """(seconds by the board, seconds by this host) over the latest life of a board in a console's log, from its first
    line to its last. A real board's clock goes as the host's. None where the log does not tell."""
    if not console.is_file():
        return None
    first = last = (0.0, 0.0)
    for line in console.read_text("ascii", "replace").splitlines():
        heard = _HEARD.match(line)
        said = None if heard is None else parse(heard[2])
        if heard is None or said is None:
            continue
        now = (said[0] / 1000, float(heard[1]))
        if said[1] == "ready" or now < last:
            first = now
        last = now
    return (last[0] - first[0], last[1] - first[1]) if last > first else None


def _is_text(data: bytes) -> bool:
    return all(32 <= octet < 127 or octet in b"\r\n" for octet in data)


def _shown(data: bytes) -> str:
    return data.decode("latin-1").encode("unicode_escape").decode("ascii")
