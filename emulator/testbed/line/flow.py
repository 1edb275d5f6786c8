"""Flow control between a modem and its DTE by characters in the data: DC1 (XON) goes on, DC3 (XOFF) stops.

ITU-T V.250 6.2.12 (+IFC). Flow control by circuits is the business of whoever owns the wire, see `Modem.clear_to_send`.
"""

XON = b"\x11"
XOFF = b"\x13"


class Flow:
    """One direction in `stopped`: the DTE wants nothing now. The other one: whether the DTE has been stopped.

    limit: bytes of the buffer for the line; the DTE is stopped above three quarters of it, and goes on below one.
    `due_ms`: when `to_dte` must be asked again.
    """

    def __init__(self, limit: int) -> None:
        self.stopped = False
        self.due_ms: int | None = None
        self._high, self._low = limit * 3 // 4, limit // 4
        self._stopping = False

    def from_dte(self, data: bytes, by_dte: int) -> bytes:
        """Obeys the characters in `data`; returns what is for the line. by_dte: 1 obeys, 3 also passes them on."""
        if by_dte not in (1, 3):
            return data
        last = max(data.rfind(XON), data.rfind(XOFF))
        if last >= 0:
            self.stopped = data[last : last + 1] == XOFF
        return data if by_dte == 3 else data.translate(None, XON + XOFF)

    def to_dte(self, backlog: int, bits_per_s: int, now_ms: int, by_dce: int) -> bytes:
        """XOFF or XON where it is time for one, for `backlog` bytes before the line. by_dce: 1 says that it is used."""
        if not self._stopping and (by_dce != 1 or backlog <= self._high):
            return b""
        if backlog <= self._low:
            return self._go_on()
        first, self._stopping = not self._stopping, True
        self.due_ms = now_ms - (-(backlog - self._low) * 10_000 // bits_per_s)
        return XOFF if first else b""

    def end(self) -> bytes:
        """Data are over for now: nobody stays stopped. XON where the DTE was."""
        self.stopped = False
        return self._go_on()

    def _go_on(self) -> bytes:
        said = XON if self._stopping else b""
        self._stopping = False
        self.due_ms = None
        return said
