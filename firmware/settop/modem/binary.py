"""A DTE for calls that carry any octets: IP, where the other end may say NO CARRIER in the middle of a page.

Within a frame of PPP octets follow each other, and the last one is a flag. So a result code counts only when the modem
is silent behind it, and even then the other end may have said it: NO CARRIER is a hint, on which the call is ended as
any other. In command state, where all is text, nothing changes.
"""

from settop.modem.dte import Dte
from settop.modem.results import HOLD_MS, OnlineScanner

_NEEDLES = ((b"\r\nNO CARRIER\r\n", "no_carrier"), (b"\r\nOK\r\n", "ok"))


class BinaryDte(Dte):
    """See Dte. What the modem says while online is believed after HOLD_MS of silence. ("no_carrier",) of a call is
    followed by ("hung_up",), as of hang_up."""

    def __init__(self, **how):
        super().__init__(**how)
        self._scanner = self._quiet = QuietScanner()
        self._answered = False  # OK behind the escape

    def poll(self, now_ms):
        result = self._quiet.result(now_ms)
        if result == "no_carrier":
            self._on_hint(now_ms)
        elif result is not None and self._state == "escaping":
            # Whoever said it: the modem listens to commands when the guard time has passed.
            self._answered = True
            self._deadline_ms = max(now_ms, self._sent_ms + self._silence_ms)
        if self._answered and self._state == "escaping" and now_ms >= self._deadline_ms:
            self._given("ok", now_ms)
        super().poll(now_ms)

    def _send_escape(self, now_ms):
        self._answered = False
        return super()._send_escape(now_ms)

    def _on_hint(self, now_ms):
        if self._state == "online":
            self.hang_up(now_ms)
            self._tell("no_carrier")
        self._tried = self._tries - 1  # a modem without a call does not answer an escape


class QuietScanner(OnlineScanner):
    """Data of the online state; a result code is what stands at the end of all that came."""

    def __init__(self):
        super().__init__()
        self._ok_too = False

    def feed(self, data, now_ms, ok_too):
        """(None, b""): what it was shows later."""
        self._ok_too = ok_too
        if self._skip_lf:
            self._skip_lf = False
            if data[:1] == b"\n":
                data = data[1:]
        data = self._tail + data
        keep = max([_ending(data, needle) for needle, _ in _NEEDLES])
        split = len(data) - keep
        self._data += data[:split]
        self._tail = data[split:]
        self.due_ms = now_ms + HOLD_MS if keep else None
        return None, b""

    def result(self, now_ms):
        """Name of the result code that nothing has followed, or None."""
        if self.due_ms is None or now_ms < self.due_ms:
            return None
        for needle, name in _NEEDLES:
            if self._tail == needle and (name != "ok" or self._ok_too):
                self._tail = b""
                self.due_ms = None
                return name
        return None


def _ending(data, needle):
    """How many octets at the end of `data` begin `needle`, or are it."""
    for length in range(min(len(data), len(needle)), 0, -1):
        if data.endswith(needle[:length]):
            return length
    return 0
