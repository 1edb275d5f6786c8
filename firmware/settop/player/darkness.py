"""Why the picture is dark, from what the player counts anyway: causes of settop.wire.dark.

Opening with a wrong key is no error to a cipher, so a few of the opened packets are looked at: one that begins a PES
packet (payload_unit_start_indicator) must have 00 00 01 there (ISO/IEC 13818-1, 2.4.3.3 and 2.4.3.6). A wrong key makes
that of one in 16,777,216.
"""

from settop.ts.packet import PACKET_BYTES
from settop.wire import dark

LOOK_MS = 500  # between two looks; well over the time that tables and ECMs take to come again
STARTS = 4  # packets that begin a PES, judged between two looks; then the others are not even looked at
_LAST_START = PACKET_BYTES - 16  # a payload under 16 octets is on air as it is


class Starts:
    """Judges opened packets: `good` and `wrong` beginnings since start; `left`: how many more until the next look."""

    def __init__(self):
        self.good = self.wrong = 0
        self.left = STARTS

    def judge(self, out, filled, packets):
        """The last `packets` of the `filled` ones in the output buffer `out` were opened."""
        at = PACKET_BYTES * (filled - packets)
        end = PACKET_BYTES * filled
        while at < end:
            if out[at + 1] & 0x40:
                payload = 5 + out[at + 4] if out[at + 3] & 0x20 else 4
                if payload <= _LAST_START:
                    payload += at
                    if out[payload] == 0 and out[payload + 1] == 0 and out[payload + 2] == 1:
                        self.good += 1
                    else:
                        self.wrong += 1
                    self.left -= 1
                    if not self.left:
                        return
            at += PACKET_BYTES


class Darkness:
    """look() every LOOK_MS. `cause`: what the last looks found, CLEAR where that is not certain."""

    def __init__(self, player):
        self.cause = dark.NO_STREAM
        self._player = player
        self._packets = self._opened = self._dark = self._good = self._wrong = 0

    def look(self):
        """The cause since the last look; None where packets were opened and nothing tells whether rightly."""
        player = self._player
        starts = player.starts
        cause = self._find(player, starts)
        self._packets = player.packets
        self._opened = player.opened
        self._dark = player.dark
        self._good = starts.good
        self._wrong = starts.wrong
        starts.left = STARTS
        if cause is not None:
            self.cause = cause
        elif self.cause != dark.WRONG_KEY:
            self.cause = dark.CLEAR
        return cause

    def _find(self, player, starts):
        if starts.good != self._good:
            return dark.CLEAR
        if player.packets == self._packets:
            return dark.NO_STREAM
        cause = player.missing()
        if cause:
            return cause
        if player.opened != self._opened:
            return None if starts.wrong == self._wrong else dark.WRONG_KEY
        return dark.NOTHING_SCRAMBLED if player.dark == self._dark else dark.WRONG_PARITY
