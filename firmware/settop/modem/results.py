"""Result codes in what a modem says (ITU-T V.250 clause 5.7): lines in command state, needles in data."""

_LINE_MAX = 64
_CR = 13
_LF = 10
# A needle's beginning is kept back this long for its rest before it is taken as data
HOLD_MS = 200

_NO_CARRIER = b"\r\nNO CARRIER\r\n"
_OK = b"\r\nOK\r\n"

# Rows of constants stay in flash. The numbers of CONNECT with a rate are those that most makers give; 0 means that the
# modem does not tell it.
_CODES = (
    (b"OK", "ok"),
    (b"RING", "ring"),
    (b"NO CARRIER", "no_carrier"),
    (b"ERROR", "error"),
    (b"NO DIALTONE", "no_dialtone"),
    (b"NO DIAL TONE", "no_dialtone"),
    (b"BUSY", "busy"),
    (b"NO ANSWER", "no_answer"),
    (b"0", "ok"),
    (b"2", "ring"),
    (b"3", "no_carrier"),
    (b"4", "error"),
    (b"6", "no_dialtone"),
    (b"7", "busy"),
    (b"8", "no_answer"),
    (b"1", 0),
    (b"5", 1200),
    (b"10", 2400),
    (b"11", 4800),
    (b"12", 9600),
    (b"13", 14400),
    (b"14", 19200),
    (b"24", 7200),
)


def parse_result(line):
    """("connect", bit/s, whether LF follows), (name,) or None for a line that is no result code (an echo)."""
    for code, meaning in _CODES:
        if line == code:
            return (meaning,) if isinstance(meaning, str) else ("connect", meaning, False)
    if line == b"CONNECT" or line.startswith(b"CONNECT "):
        rate_bps = 0
        for byte in line[8:]:
            if not 48 <= byte <= 57 or rate_bps > 99999999:
                break
            rate_bps = rate_bps * 10 + byte - 48
        return ("connect", rate_bps, True)
    return None


class ResultReader:
    """Lines of the command state, bounded: the rest of a line of more than 64 bytes is ignored."""

    def __init__(self):
        self._line = bytearray()

    def reset(self):
        self._line = bytearray()

    def feed(self, data):
        """(the first result in `data` or None, what follows it)."""
        at = 0
        for byte in data:
            at += 1
            if byte == _CR or byte == _LF:
                line = bytes(self._line).strip()
                self._line = bytearray()
                result = parse_result(line)
                if result:
                    return result, data[at:]
            elif len(self._line) < _LINE_MAX:
                self._line.append(byte)
        return None, b""


class OnlineScanner:
    """Data of the online state, and the result codes among them.

    The peer could send these bytes itself; it can as well hang up. Framing that escapes CR (HDLC) avoids the
    accident.
    """

    def __init__(self):
        self.due_ms = None
        self._data = bytearray()
        self._tail = b""
        self._skip_lf = False

    def begin(self, skip_lf):
        """A connection starts, with nothing left of the one before; `skip_lf`: CONNECT's LF is still to come."""
        self._data = bytearray()
        self._skip_lf = skip_lf
        self._tail = b""
        self.due_ms = None

    def take(self):
        """Data since the last call."""
        data = bytes(self._data)
        self._data = bytearray()
        return data

    def feed(self, data, now_ms, ok_too):
        """(("no_carrier",), ("ok",) if `ok_too`, or None; what follows it). Keeps the data before it."""
        if self._skip_lf:
            self._skip_lf = False
            if data[0] == _LF:
                data = data[1:]
        data = self._tail + data
        self._tail = b""
        self.due_ms = None
        found = data.find(_NO_CARRIER)
        result, needle = ("no_carrier",), _NO_CARRIER
        if ok_too:
            ok = data.find(_OK)
            if ok >= 0 and (found < 0 or ok < found):
                found, result, needle = ok, ("ok",), _OK
        if found >= 0:
            self._data += data[:found]
            return result, data[found + len(needle) :]
        keep = max(_overlap(data, _NO_CARRIER), _overlap(data, _OK) if ok_too else 0)
        split = len(data) - keep
        self._data += data[:split]
        if keep:
            self._tail = data[split:]
            self.due_ms = now_ms + HOLD_MS
        return None, b""

    def poll(self, now_ms):
        """Lets go what was kept back too long."""
        if self.due_ms is not None and now_ms >= self.due_ms:
            self.flush()

    def flush(self):
        self._data += self._tail
        self._tail = b""
        self.due_ms = None


def _overlap(data, needle):
    """Length of the longest end of `data` that begins `needle`."""
    for length in range(min(len(data), len(needle) - 1), 0, -1):
        if data.endswith(needle[:length]):
            return length
    return 0
