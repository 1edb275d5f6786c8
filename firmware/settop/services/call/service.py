"""The call as the terminal lives it: modem, protocol core, keyring and player brought together.

States: "idle", "dialling", "talking", "leaving" (goodbye said or line to be closed), "waiting" (to dial again).
"""

from settop.errors import LocalError
from settop.modem.dte import Dte
from settop.services.call.core import SILENT, CallTerminal
from settop.wire.call import NONE

REDIAL_MS = 1000
REDIALS = 5
NO_BROADCAST_MS = 10000  # connected, and the tuner sees no ringcast programme: give up after this


class CallService:
    """`line`: the modem's UART. `report(event, text)` tells the viewer. `identity()` gives the Identity or None."""

    def __init__(self, line, player, identity, random, report):
        self.state = "idle"
        self.forward_secrecy = False
        self._line = line
        self._player = player
        self._keyring = player.keyring
        self._identity = identity
        self._random = random
        self._report = report
        self._dte = Dte()
        self._core = None
        self._number = None
        self._redials_left = 0
        self._redial_ms = None
        self._connected_ms = 0
        self._last_portion = NONE
        self._buffer = bytearray(256)
        self._view = memoryview(self._buffer)
        self.refused = {}

    def dial(self, number, now_ms):
        """The viewer lifts the handset; `number` None takes the provisioned one."""
        identity = self._identity()
        if identity is None:
            self._report("error", "this terminal is not provisioned: run `ringcast provision`")
            return
        if self.state != "idle":
            self._report("error", "a call is under way: hang up first")
            return
        self._number = number or identity.number
        self._redials_left = REDIALS
        self._dial(now_ms)

    def hang_up(self, now_ms):
        """The viewer presses the button: the running portion plays out, later keys go at once."""
        if self.state in ("idle", "leaving"):
            self._report("error", "there is no call")
            return
        self._redials_left = 0
        if self._last_portion != NONE:
            self._keyring.drop_after(self._last_portion)
        else:
            self._keyring.wipe()
        self._player.refresh()
        self._report("hanging_up", "last_portion=%d" % (-1 if self._last_portion == NONE else self._last_portion))
        if self.state == "talking":
            self.state = "leaving"
            self._core.hang_up(self._last_portion, now_ms)
        elif self.state == "waiting":
            self._idle("hung_up", "")
        else:
            self.state = "leaving"
            self._dte.hang_up(now_ms)

    def on_portion(self, portion):
        self._last_portion = portion
        if self._core is not None:
            self._core.on_air(portion)

    def on_broadcast(self, now_ms):
        """Another programme or another run of it is on the tuner: its keys must be asked for."""
        self._last_portion = NONE
        self._ask(now_ms)

    def step(self, now_ms):
        """Move bytes and timers on. Returns the time at which it wants to be called again at the latest, or None."""
        count = self._line.any()
        while count:
            taken = self._line.readinto(self._view[: min(count, len(self._buffer))])
            if not taken:
                break
            self._dte.receive(bytes(self._view[:taken]), now_ms)
            count -= taken
        self._dte.poll(now_ms)
        self._modem_events(now_ms)
        if self._core is not None:
            data = self._dte.take_data()
            if data:
                self._core.receive(data, now_ms)
            self._core.poll(now_ms)
            self._core_events(now_ms)
        if self.state == "waiting" and now_ms >= self._redial_ms:
            self._dial(now_ms)
        if self.state == "talking" and self._player.portion is None and self._core is not None:
            if now_ms >= self._connected_ms + NO_BROADCAST_MS and self._last_portion == NONE:
                self._report("error", "the tuner sees no ringcast programme")
                self.hang_up(now_ms)
        out = self._dte.data_to_send()
        if out:
            self._line.write(out)
        return self._next_timer()

    # --- inside ---------------------------------------------------------------------------------------------------

    def _next_timer(self):
        soonest = self._dte.next_timer()
        if self._core is not None:
            timer = self._core.next_timer()
            if timer is not None and (soonest is None or timer < soonest):
                soonest = timer
        if self.state == "waiting" and (soonest is None or self._redial_ms < soonest):
            soonest = self._redial_ms
        return soonest

    def _dial(self, now_ms):
        try:
            self._dte.dial(self._number, now_ms)
        except LocalError as error:
            self._report("error", str(error))
            return
        self.state = "dialling"
        self._report("dialling", "number=" + self._number)

    def _ask(self, now_ms):
        player = self._player
        if self._core is None or player.broadcast_id is None or player.portion is None:
            return
        held = self._keyring.held() or (NONE,)
        self._core.request(player.programme_id, player.broadcast_id, player.portion, now_ms, held[0], held[-1])

    def _modem_events(self, now_ms):
        while True:
            event = self._dte.next_event()
            if event is None:
                return
            kind = event[0]
            if kind == "connect":
                self.state = "talking"
                self._connected_ms = now_ms
                self._report("connected", "rate=%d" % event[1])
                self._core = CallTerminal(self._identity(), self._random, self.forward_secrecy)
                self._core.start(now_ms)
                self._ask(now_ms)
            elif kind == "hung_up":
                self._line_gone(kind, now_ms)
            elif kind in ("no_carrier", "busy", "no_answer", "no_dialtone", "no_modem", "error"):
                self._line_gone(kind, now_ms)

    def _line_gone(self, kind, now_ms):
        state = self.state
        if self._core is not None:
            self._core.line_lost()
            self._core_events(now_ms)
            self._core = None
        # A first attempt that fails is the viewer's to repeat; a call that was lost is dialled again.
        if self._redials_left and (state != "dialling" or self._redials_left < REDIALS):
            self._redials_left -= 1
            self._redial_ms = now_ms + REDIAL_MS
            self.state = "waiting"
            self._report("line_lost", "redial_ms=%d" % REDIAL_MS)
        elif state == "leaving":
            self._idle("hung_up", "")
        else:
            self._idle("call_failed", "reason=" + kind)

    def _idle(self, event, text):
        self.state = "idle"
        self._core = None
        self._report(event, text)

    def _core_events(self, now_ms):
        core = self._core
        while True:
            event = core.next_event()
            if event is None:
                break
            kind = event[0]
            if kind == "key":
                self._keyring.install(event[1], event[2])
                if self._player.portion is not None:
                    self._keyring.drop_before(self._player.portion)
                self._player.refresh()
                self._report("key", "portion=%d" % event[1])
            elif kind == "authenticated":
                self._redials_left = REDIALS
                self._report("authenticated", "")
            elif kind == "refused":
                self.refused[event[1]] = self.refused.get(event[1], 0) + 1
                self._report("refused", event[1])
            elif kind == "closed" and event[1] != "line lost":
                self._report("closed", event[1])
                if event[1] != SILENT:
                    self._redials_left = 0
                self.state = "leaving"
        out = core.data_to_send()
        if out and self._dte.state == "online":
            self._dte.send(out, now_ms)
        if core.state == "CLOSED" and self.state == "leaving":
            self._core = None
            self._dte.hang_up(now_ms)
