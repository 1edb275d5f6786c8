"""The terminal's side of a modem: dial, answer, send, hang up (DTE of ITU-T V.250), without IO or clock.

The owner moves bytes between this core and the UART, and calls `poll` at `next_timer`. Times are integer
milliseconds that never go back (not a wrapping ticks_ms). The state table is `states.py`.

Events, as tuples: ("ok",) the modem is set up; ("ring",); ("connect", bit/s or 0 if not told); ("busy",),
("no_answer",), ("no_dialtone",), ("no_carrier",) the attempt failed or the other end is gone; ("error",) the
modem refused a command; ("hung_up",) after hang_up; ("no_modem",) nothing answers. Every dial, answer and
hang_up leads to an event in bounded time, whatever the modem does.
"""

from settop.errors import LocalError
from settop.modem.results import OnlineScanner, ResultReader
from settop.modem.states import DATA_STATES, TABLE
from settop.states import row_of

NUMBER_CHARS = "0123456789*#ABCDabcd,W@!"
NUMBER_MAX = 40
ESCAPE = b"+++"
_PLUS = 0x2B
_EVENTS_MAX = 32


class Dte:
    """One modem.

    setup        commands sent after ATZ, without AT; H0 ends a call left over from before a restart
    reply_ms     how long the modem may take to answer a command
    tries        how often a command is sent before giving up
    call_ms      from ATD or ATA to CONNECT; above the modem's S7, which gives the better reason
    guard_ms     the modem's S12; uart_lag_ms is added on both sides for bytes still in a UART
    """

    def __init__(
        self,
        setup="H0E0Q0V1X4S0=0S7=60",
        reply_ms=2000,
        tries=4,
        call_ms=90000,
        guard_ms=1000,
        uart_lag_ms=200,
    ):
        self._setup = setup
        self._reply_ms = reply_ms
        self._tries = tries
        self._call_ms = call_ms
        self._silence_ms = guard_ms + uart_lag_ms
        self._state = "off"
        self._deadline_ms = None
        self._tried = 0
        self._number = None
        self._end_event = ("hung_up",)
        self._out = bytearray()
        self._events = []
        self._reader = ResultReader()
        self._scanner = OnlineScanner()
        self._rate_bps = 0
        # What send() keeps back so that data never look like an escape
        self._waiting = b""
        self._waiting_due_ms = None
        self._sent_ms = 0
        self._pluses = 0
        self._plus_alone = False

    @property
    def state(self):
        """Name of the state, see states.py."""
        return self._state

    # -- calls

    def start(self, now_ms):
        """Sets the modem up, so that it can be rung. Raises LocalError when already started."""
        self._call("start", now_ms)

    def dial(self, number, now_ms):
        """Calls `number`: 1 to 40 characters of 0-9 * # A-D , W @ !. Sets the modem up first if need be.

        Raises LocalError for another number, or unless the state is off or idle.
        """
        if not 1 <= len(number) <= NUMBER_MAX or any(char not in NUMBER_CHARS for char in number):
            raise LocalError("number; expected 1 to %d characters of %s" % (NUMBER_MAX, NUMBER_CHARS))
        if row_of(TABLE, self._state, "dial"):
            self._number = number
        self._call("dial", now_ms)

    def answer(self, now_ms):
        """Takes the call that rings. Raises LocalError unless idle."""
        self._call("answer", now_ms)

    def hang_up(self, now_ms):
        """Ends the call, or the attempt, in whatever state. ("hung_up",) follows."""
        if row_of(TABLE, self._state, "hang_up"):
            self._end_event = ("hung_up",)
            self._given("hang_up", now_ms)

    def send(self, data, now_ms):
        """Queues data for the other end. Raises LocalError unless online.

        A third "+" in a row that followed silence waits out the guard time, so that the modem takes it as
        data.
        """
        if self._state != "online":
            raise LocalError("send while %s; expected online, wait for the connect event" % self._state)
        self._waiting += bytes(data)
        self._let_out(now_ms)

    # -- bytes, events, time

    def receive(self, data, now_ms):
        """Takes bytes from the modem, split in any way."""
        rest = bytes(data)
        while rest:
            if self._state in DATA_STATES:
                result, rest = self._scanner.feed(rest, now_ms, self._state == "escaping")
            else:
                result, rest = self._reader.feed(rest)
            if result:
                if result[0] == "connect":
                    self._rate_bps = result[1]
                    self._sent_ms = now_ms
                    self._scanner.begin(result[2])
                self._given(result[0], now_ms)

    def poll(self, now_ms):
        """Does what is due."""
        self._scanner.poll(now_ms)
        if self._waiting_due_ms is not None and now_ms >= self._waiting_due_ms:
            self._let_out(now_ms)
        if self._deadline_ms is not None and now_ms >= self._deadline_ms:
            self._deadline_ms = None
            self._given("timeout", now_ms)

    def next_timer(self):
        """When poll() must come next, or None."""
        due = None
        for at_ms in (self._deadline_ms, self._waiting_due_ms, self._scanner.due_ms):
            if at_ms is not None and (due is None or at_ms < due):
                due = at_ms
        return due

    def take_data(self):
        """Data from the other end since the last call."""
        return self._scanner.take()

    def data_to_send(self):
        """Bytes for the modem since the last call."""
        out = bytes(self._out)
        self._out = bytearray()
        return out

    def next_event(self):
        """The oldest event not yet taken, or None."""
        return self._events.pop(0) if self._events else None

    # -- the machine

    def _call(self, given, now_ms):
        if row_of(TABLE, self._state, given) is None:
            raise LocalError("%s while %s; expected another state, see settop.modem.states" % (given, self._state))
        self._tried = 0
        self._given(given, now_ms)

    def _given(self, given, now_ms):
        row = row_of(TABLE, self._state, given)
        if row is None:
            return
        _, _, action, then = row
        if then != self._state:
            self._deadline_ms = None
            if given != "timeout":
                self._tried = 0
        if action == "tell":
            self._tell(given)
        elif action:
            then = getattr(self, "_" + action)(now_ms) or then
        self._state = then

    def _tell(self, *event):
        if len(self._events) >= _EVENTS_MAX:
            self._events.pop(0)
        self._events.append(event)

    def _command(self, text, now_ms, wait_ms=None):
        self._out += text.encode()
        self._deadline_ms = now_ms + (self._reply_ms if wait_ms is None else wait_ms)

    def _let_out(self, now_ms):
        """Moves what may go now from _waiting to _out."""
        if self._waiting_due_ms is not None:
            if now_ms < self._waiting_due_ms:
                return
            self._waiting_due_ms = None
            self._pluses = 0
        data = self._waiting
        count = 0
        for byte in data:
            # Half the guard time: a modem may be stricter than we measure
            quiet = now_ms - self._sent_ms >= self._silence_ms // 2
            if byte != _PLUS:
                self._pluses = 0
            else:
                if self._pluses == 0 or (quiet and not self._plus_alone):
                    self._pluses = 0
                    self._plus_alone = quiet
                self._pluses += 1
                if self._pluses == 3 and self._plus_alone:
                    self._waiting_due_ms = now_ms + self._silence_ms
                    break
            self._sent_ms = now_ms
            count += 1
        self._out += data[:count]
        self._waiting = data[count:]

    def _drop_waiting(self):
        self._waiting = b""
        self._waiting_due_ms = None
        self._pluses = 0

    # -- actions of the state table: each may return a state that replaces the table's

    def _send_reset(self, now_ms):
        self._command("ATZ\r", now_ms)

    def _retry_reset(self, now_ms):
        """Every other try takes the modem for one left online: the silence so far was the first guard."""
        self._tried += 1
        if self._tried >= self._tries:
            self._number = None
            self._tell("no_modem")
            return "off"
        if self._tried & 1:
            self._command("+++", now_ms, max(self._reply_ms, self._silence_ms))
        else:
            self._command("\rATZ\r", now_ms)
        return None

    def _send_setup(self, now_ms):
        self._command("AT" + self._setup + "\r", now_ms)

    def _tell_ready(self, now_ms):
        self._tell("ok")
        return self._begin_pending(now_ms)

    def _begin_pending(self, now_ms):
        if self._number is None:
            return None
        self._send_dial(now_ms)
        return "dialling"

    def _send_dial(self, now_ms):
        self._command("ATDT" + self._number + "\r", now_ms, self._call_ms)
        self._number = None

    def _send_answer(self, now_ms):
        self._command("ATA\r", now_ms, self._call_ms)

    def _send_abort(self, now_ms):
        self._command("\r", now_ms)

    def _send_abort_unanswered(self, now_ms):
        self._end_event = ("no_answer",)
        self._send_abort(now_ms)

    def _retry_abort(self, now_ms):
        """The modem may have ignored a character that came too soon, or have stopped by itself."""
        self._tried += 1
        if self._tried >= self._tries:
            return self._give_up()
        self._command("\rATH0\r", now_ms)
        return None

    def _wait_quiet(self, now_ms):
        self._tried = 0
        self._wait_guard(now_ms)

    def _wait_guard(self, now_ms):
        """The guard time counts from the last byte sent."""
        self._deadline_ms = max(now_ms, self._sent_ms + self._silence_ms)

    def _send_escape(self, now_ms):
        if self._waiting or now_ms < self._sent_ms + self._silence_ms:  # a held "+" goes first
            self._let_out(now_ms)
            self._wait_guard(now_ms)
            return "quiet"
        self._out += ESCAPE
        self._sent_ms = now_ms
        self._deadline_ms = now_ms + self._silence_ms + self._reply_ms
        return None

    def _retry_escape(self, now_ms):
        self._tried += 1
        if self._tried >= self._tries:
            self._scanner.flush()
            self._tried = 0
            self._send_hang_up(now_ms)  # it may be in command state already
            return "releasing"
        self._wait_guard(now_ms)
        return None

    def _send_hang_up(self, now_ms):
        self._reader.reset()
        self._command("ATH0\r", now_ms)

    def _retry_hang_up(self, now_ms):
        self._tried += 1
        if self._tried >= self._tries:
            return self._give_up()
        self._command("\rATH0\r", now_ms)
        return None

    def _give_up(self):
        """The modem does not obey: the next dial starts with a reset, which also hangs up."""
        self._tell(*self._end_event)
        self._drop_waiting()
        return "off"

    def _forget_call(self, now_ms):
        self._number = None
        self._tell("hung_up")

    def _tell_connect(self, now_ms):
        self._drop_waiting()
        self._tell("connect", self._rate_bps)

    def _tell_ended(self, now_ms):
        self._drop_waiting()
        self._tell(*self._end_event)

    def _tell_no_carrier(self, now_ms):
        self._drop_waiting()
        self._tell("no_carrier")

    def _tell_hung_up(self, now_ms):
        self._tell("hung_up")

    def _tell_error(self, now_ms):
        self._number = None
        self._tell("error")
