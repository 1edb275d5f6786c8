"""Dial-up: the network's functions of a board (boards/README.md) over a telephone call, for settop.net.link.

`network_up()` dials, then has the board bring PPP up over the call; `network_down()` hangs up. What the modem gives
and takes are octets of PPP, and nothing else is said on the line. The state table is `dial_up_states.py`.
"""

from settop.errors import LocalError
from settop.modem.binary import BinaryDte
from settop.services.network.dial_up_states import TABLE
from settop.states import row_of

JOIN_MS = 30000  # from CONNECT to an address; the number of a fax, or of a call centre, has none to give
LONGEST_MS = {"dialling": 150000, "joining": JOIN_MS, "leaving": 60000, "returning": 60000}  # in a state
CALLS = 12  # within HOUR_MS, until the viewer dials again
HOUR_MS = 3600000
AHEAD_MS = 1000  # what the modem is given before it is out: few have a wire that says stop, and a board of ours none
MIN_AHEAD_OCTETS = 600  # a frame
UNHEARD = "the modem does not say that the call is over"
_RATE_BPS = 2400  # where the modem does not tell it
_BITS_AN_OCTET = 10  # on the way to the modem, and at 2,400 bit/s and below on the telephone line
_PLUS = 0x2B
_ESCAPE_PLUSES = 3  # that a modem takes for an escape
_PLUS_ESCAPED = bytes((0x7D, _PLUS ^ 0x20))  # every receiver of PPP undoes it (RFC 1662 4.2)
_CHUNK = 256
_LONG_MS = 10000  # all room is there again
_HELD_OCTETS = 1024  # that the board has not taken: more stays in the UART
_WORDS = {"online": "up", "failed": "failed", "leaving": "failed"}  # of network_state; of the others "down"


class DialUp:
    """`line`: the modem's UART. `board`: brings PPP up over a line (network_up(line) and the others).
    tell(event, text): what the call service tells of a call, too.

    `number`: who is called. `calls`: when, for the viewer to forget. `hopeless`: why no further call will do, or "".
    """

    def __init__(self, line, board, tell):
        self.state = "idle"
        self.number = ""
        self.hopeless = ""
        self.calls = []  # when
        self._line = line
        self._board = board
        self._tell = tell
        self._dte = BinaryDte()
        self._call = None  # CallLine
        self._due_ms = None
        self._now_ms = 0
        self._buffer = memoryview(bytearray(_CHUNK))
        self._out = b""  # the UART had no room for it

    # --- the face of a board ------------------------------------------------------------------------------------------

    def network_up(self):
        """Dials, or goes on with what is under way."""
        self._given("up")
        self._flush()

    def network_down(self):
        """Ends the call; it takes a few seconds of `step`."""
        self._given("down")
        self._flush()

    def network_state(self):
        return _WORDS.get(self.state, "down")

    def network_step(self):
        """Octets between the call and the sockets."""
        return self._board.network_step() if self._call is not None else 0

    # --- turns --------------------------------------------------------------------------------------------------------

    def step(self, now_ms):
        """Before each step of the link."""
        self._now_ms = now_ms
        if self._call is None or self._call.any() < _HELD_OCTETS:
            self._read()
        self._dte.poll(now_ms)
        came = self._dte.take_data()
        if self._call is not None:
            self._call.receive(came, now_ms)
        event = self._dte.next_event()
        while event is not None:
            self._given(*event)
            event = self._dte.next_event()
        self._look()
        if self._due_ms is not None and now_ms >= self._due_ms:
            self._due_ms = None
            self._given("timeout")
        self._flush()

    def next_timer(self):
        """When `step` must come again at the latest, or None; the link may have changed it."""
        due_ms = self._dte.next_timer()
        if self._due_ms is not None and (due_ms is None or self._due_ms < due_ms):
            due_ms = self._due_ms
        return due_ms

    def _read(self):
        line = self._line
        count = line.any()
        while count > 0:
            taken = line.readinto(self._buffer[: min(count, _CHUNK)])
            if not taken:
                return
            self._dte.receive(self._buffer[:taken], self._now_ms)
            count -= taken

    def _look(self):
        """What has become of PPP."""
        if self._call is None:
            return
        try:
            there = self._board.network_state()
        except OSError:
            there = "failed"
        if there == "up":
            self._given("ppp_up")
        elif there == "failed" or self.state == "online":
            self._given("ppp_lost")

    def _flush(self):
        """A UART takes what it has room for."""
        self._out += self._dte.data_to_send()
        while self._out:
            taken = self._line.write(self._out[:_CHUNK])
            if not taken:
                return
            self._out = self._out[taken:]

    def _given(self, given, *details):
        row = row_of(TABLE, self.state, given)
        if row is None:
            return
        was = self.state
        self.state = row[3]
        if row[2]:
            self.state = getattr(self, "_" + row[2])(given, *details) or self.state
        if self.state != was:
            longest_ms = LONGEST_MS.get(self.state)
            self._due_ms = None if longest_ms is None else self._now_ms + longest_ms

    # --- actions of the state table: each may return a state that replaces the table's --------------------------------

    def _dial(self, given):
        self.calls = [at_ms for at_ms in self.calls if self._now_ms - at_ms < HOUR_MS]
        if len(self.calls) >= CALLS:
            self.hopeless = "%d calls within an hour are enough; dial again if they are not" % CALLS
            return self._tell_failed("too_many")
        self.calls.append(self._now_ms)
        try:
            self._dte.dial(self.number, self._now_ms)
        except LocalError:  # the modem still does not answer to what it was told before
            return self._tell_failed("no_modem")
        self._tell("dialling", "number=" + self.number)
        return None

    def _dial_again(self, given):
        self._tell_hung_up(given)
        return self._dial(given)

    def _dial_anew(self, given):
        self._abandon(given)
        return self._dial(given)

    def _stop(self, given):
        self._tell_failed("no_answer")
        self._hang_up(given)

    def _begin(self, given, rate_bps):
        self._tell("connected", "rate=%d" % rate_bps)
        self._call = CallLine(self._dte, rate_bps, self._now_ms)
        try:
            self._board.network_up(self._call)
        except OSError:
            self.hopeless = "this board has no IP over a call: its image has no PPP"
            self._end(given)
            return "leaving"
        return None

    def _give_up(self, given):
        self._tell("error", self.number + " answers, but gives no address")
        self._end(given)

    def _end(self, given):
        self._put_down()
        self._hang_up(given)

    def _hang_up(self, given, *details):
        self._dte.hang_up(self._now_ms)

    def _lose(self, given):
        self._tell_failed(given)
        self._end(given)

    def _put_down(self):
        """No octet goes from the call to the board any more."""
        self._call.close()
        self._call = None
        try:
            self._board.network_down()
        except OSError:
            pass  # it is down

    def _tell_failed(self, given):
        self._tell("call_failed", "reason=" + given)
        return "failed"

    def _tell_hung_up(self, given):
        if self._dte.state == "off":  # it was told again and again
            self._tell("error", UNHEARD)
        self._tell("hung_up", "")

    def _abandon(self, given):
        self._dte = BinaryDte()  # its first word is a reset, which ends a call
        self._tell("error", UNHEARD)


class CallLine:
    """A call as the line under PPP: any(), readinto(view), write(data), none of which waits."""

    def __init__(self, dte, rate_bps, now_ms):
        self._dte = dte
        self._rate_bps = rate_bps or _RATE_BPS
        self._most = max(MIN_AHEAD_OCTETS, self._rate_bps * AHEAD_MS // (1000 * _BITS_AN_OCTET))
        self._room = self._most
        self._now_ms = now_ms
        self._passed = 0  # bits for 1,000 of which there is no room yet
        self._came = b""
        self._pluses = 0  # plus signs in a row at the end of what was written
        self._open = True

    def receive(self, data, now_ms):
        """What has come, if anything; and time has passed, so that the modem has room again."""
        if data:
            self._came += data
        if self._room < self._most:
            self._passed += min(now_ms - self._now_ms, _LONG_MS) * self._rate_bps
            self._room = min(self._most, self._room + self._passed // (1000 * _BITS_AN_OCTET))
            self._passed %= 1000 * _BITS_AN_OCTET
        self._now_ms = now_ms

    def close(self):
        """The call is over: nothing comes, and what is written is lost, as where nothing is plugged in."""
        self._open = False
        self._came = b""

    def any(self):
        return len(self._came)

    def readinto(self, view):
        count = min(len(view), len(self._came))
        view[:count] = self._came[:count]
        self._came = self._came[count:]
        return count

    def write(self, data):
        """How many octets were taken: no more than the modem has room for."""
        if not self._open:
            return len(data)
        if self._dte.state != "online":
            return 0
        data = memoryview(data)[: self._room]
        count = len(data)
        if self._pluses or _PLUS in bytes(data):
            data, count = self._without_escape(data)
        if count:
            self._room -= len(data)
            self._dte.send(data, self._now_ms)
        return count

    def _without_escape(self, data):
        """(octets that say the same with no three plus signs in a row, of how many): whatever a page or an echo makes
        the terminal send, no modem takes it for an escape, with guard time or without. Others stay as they are, since
        before LCP is through a receiver drops control characters, of which 0x0B is one (RFC 1662 7.1)."""
        out, count = bytearray(), 0
        for octet in data:
            run = self._pluses + 1 if octet == _PLUS else 0
            said = bytes((octet,))
            if run == _ESCAPE_PLUSES:
                said, run = _PLUS_ESCAPED, 0
            if len(out) + len(said) > self._room:
                break
            out += said
            self._pluses = run
            count += 1
        return out, count
