"""The call as the terminal lives it: modem, protocol core, keyring and player brought together.

States: IDLE; DIALLING; TALKING from CONNECT on; LEAVING when goodbye is said or the line is to be closed; WAITING to
dial again after a line that was lost.
"""

from settop.crypto.wipe import wipe
from settop.errors import LocalError, RingcastError
from settop.modem.dte import Dte
from settop.services.call import states
from settop.services.call.commands import COMMANDS, obey
from settop.services.call.core import LINE_LOST, LOST, CallTerminal
from settop.services.call.kept import load_number, load_token, store_token
from settop.services.call.opener import CallOpener
from settop.services.call.paid import PaidDark
from settop.wire.call import TOKEN_BYTES
from settop.wire.dark import CLEAR, NO_KEY, TEXTS, WORDS
from settop.wire.ids import NO_PORTION

IDLE = "idle"
DIALLING = "dialling"
TALKING = "talking"
LEAVING = "leaving"
WAITING = "waiting"

REDIAL_MS = 1000
REDIALS = 5  # in a row, without a key
NO_BROADCAST_MS = 8000  # connected, and the tuner sees no ringcast programme: give up after this


def make(terminal):
    """See settop.services.face."""
    line = terminal.wire("modem", "call")
    opener = CallOpener(terminal.helper)
    records = terminal.records("call")
    return CallService(line, opener, terminal.offer, terminal.identity, terminal.random, terminal.report, records)


def put_down(keyring, running):
    """The viewer hangs up: of `keyring` the key of the running portion stays, and later ones go at once; where no
    portion is known (None), all of them. Returns the last one that is kept, or None."""
    if running is None:
        keyring.wipe()
    else:
        keyring.drop_after(running)
    held = keyring.held()
    return held[-1] if held else None


class CallService:
    """See settop.services.face. `line`: the modem's UART. `offer()` gives the price on air or None, `identity()` the
    Identity or None. `report(event, text)` tells the viewer. `records`: what the call keeps (settop.services.face)."""

    COMMANDS = COMMANDS

    def __init__(self, line, opener, offer, identity, random, report, records):
        self.state = IDLE
        self.forward_secrecy = False
        self.refused = 0
        self._line = line
        self.opener = opener
        self._keyring = opener.keyring
        self._offer = offer
        self._identity = identity
        self._random = random
        self._report = report
        self._records = records
        self._token = bytearray(TOKEN_BYTES)  # for the next call
        self._own_number = None  # that dial() takes where it is given none; None: unread, or it cannot be
        self._token_of = None  # id of the terminal whose both are
        self._dte = Dte()
        self._core = None
        self._asked = None  # (programme id, broadcast id) that this call has asked for
        self._number = None
        self._max_price = None
        self._told = None  # the Offer that the viewer was told last
        self._paid_dark = PaidDark()
        self._seen = self._said = CLEAR  # causes of darkness: of the last look, and what the viewer was told
        self._redials_left = 0
        self._redialling = False
        self._redial_ms = 0
        self._connected_ms = 0
        self._buffer = bytearray(256)
        self._view = memoryview(self._buffer)

    # --- the viewer and the tuner -----------------------------------------------------------------------------------

    def command(self, words, now_ms):
        obey(self, words, now_ms)

    def choose_secrecy(self, word):
        """Forward secrecy, "on" or "off", from the next call on."""
        self.forward_secrecy = word == "on"
        self._report("secrecy", word)

    @property
    def busy(self):
        return "" if self.state == IDLE else "a call is under way: hang up first"

    def status(self):
        return "call=" + self.state

    def stop(self):
        self._keyring.wipe()
        wipe(self._token)
        if self._core is not None:
            self._core.line_lost()
            event = self._core.next_event()
            while event is not None:
                if event[0] in ("key", "token"):
                    wipe(event[-1])
                event = self._core.next_event()

    def dial(self, number, now_ms, max_price=None):
        """The viewer lifts the handset; `number` None takes the provisioned one. `max_price`: the most that a portion
        may cost, in minor units, or None."""
        identity = self._identity()
        if identity is None:
            self._report("error", "this terminal is not provisioned: run `ringcast provision`")
            return
        if self.state != IDLE:
            self._report("error", "a call is under way: hang up first")
            return
        self._know_token(identity)
        self._number = number or self._own_number or load_number(self._records)
        self._max_price = max_price
        self._told = None
        self._seen = self._said = CLEAR
        self._tell_price()
        self._redials_left = REDIALS
        self._redialling = False
        self.opener.make_ready()
        self._dial(now_ms)

    def hang_up(self, now_ms):
        """The viewer presses the button: the running portion plays out, later keys go at once."""
        state = self.state
        if state == IDLE or (state == LEAVING and not self._redials_left):
            self._report("error", "there is no call")
            return
        self._redials_left = 0
        kept = put_down(self._keyring, self.opener.portion)
        self._report("hanging_up", "last_kept=%s" % ("none" if kept is None else kept))
        if state == TALKING:
            self.state = LEAVING
            self._core.hang_up(NO_PORTION if kept is None else kept, now_ms)
        elif state == WAITING:
            self._become_idle("hung_up", "")
        elif state == DIALLING:
            self.state = LEAVING
            self._dte.hang_up(now_ms)

    def on_event(self, event, now_ms):
        kind = event[0]
        if kind == "portion":
            held = self._keyring.cipher(event[1]) is not None
            self._report("portion", "index=%d key=%s" % (event[1], "yes" if held else "no"))
            self._on_portion(event[1], event[2:], now_ms)
        elif kind == "broadcast":
            self._asked = None  # the tuner has wiped the keys
            self._report("broadcast", "programme=%d" % event[1])
        elif kind == "lost_portion":
            self._report("lost_portion", "")
            self._on_portion(None, None, now_ms)
        elif kind == "seen":
            self._judge_darkness(event[1], now_ms)

    def _on_portion(self, portion, broadcast, now_ms):
        """The tuner sees another portion, or None; `broadcast`: (programme id, broadcast id)."""
        if self._core is None:
            return
        if portion is not None and broadcast != self._asked:
            self._ask(now_ms)
        else:
            self._core.on_air(portion)

    def _judge_darkness(self, cause, now_ms):
        """What was made of the broadcast since the last look: a cause of settop.wire.dark, None for not certain.

        Tells the viewer what keeps the picture dark, and the centre where that was paid for.
        """
        if self.state not in (DIALLING, TALKING):
            return
        receiving = self._core is not None and self._core.state == states.RECEIVING
        # Before the first key that there is none is no news.
        if cause is not None and (cause != NO_KEY or receiving):
            if cause == self._seen and cause != self._said:
                self._said = cause
                self._report("dark", "cause=%s %s" % (WORDS[cause], TEXTS[cause]))
            self._seen = cause
        if not receiving:
            self._paid_dark.reset()
            return
        claim = self._paid_dark.look(cause, self._paid_position(), now_ms)
        if claim is not None:
            self._paid_dark.reset()
            self._report("not_clear", "portions=%d-%d cause=%s" % (claim[0], claim[1], WORDS[cause]))
            # The centre takes these portions back, and all that follow.
            self._keyring.wipe()
            self._redials_left = 0
            self.state = LEAVING
            self._core.dark(claim[0], claim[1], cause, now_ms)

    def _paid_position(self):
        """The portion on air if there is a key for it, or None. Where none is known keys tell: they come one ahead."""
        portion = self.opener.portion
        if portion is not None:
            return portion if self._keyring.cipher(portion) is not None else None
        held = self._keyring.held()
        return max(0, held[-1] - 1) if held else None

    # --- turns --------------------------------------------------------------------------------------------------------

    def step(self, now_ms):
        """Move bytes and timers on. Returns the time at which it wants to be called again at the latest, or None."""
        if self.state == IDLE:
            self._know_token(self._identity())
        self._read_line(now_ms)
        self._dte.poll(now_ms)
        self._talk(now_ms)  # what came before the line went is heard first
        self._modem_events(now_ms)
        self._talk(now_ms)
        if self.state == WAITING and now_ms >= self._redial_ms:
            self._redialling = True
            self._dial(now_ms)
        elif self.state == TALKING and not self._asked and now_ms >= self._connected_ms + NO_BROADCAST_MS:
            self._report("error", "the tuner sees no ringcast programme")
            self.hang_up(now_ms)
            self._talk(now_ms)
        out = self._dte.data_to_send()
        if out:
            self._line.write(out)
        return self._next_timer()

    def _read_line(self, now_ms):
        count = self._line.any()
        while count > 0:
            taken = self._line.readinto(self._view[: min(count, len(self._buffer))])
            if not taken:
                return
            self._dte.receive(bytes(self._view[:taken]), now_ms)
            count -= taken

    def _talk(self, now_ms):
        """Let the core hear, speak and act."""
        core = self._core
        if core is None:
            return
        data = self._dte.take_data()
        if data:
            core.receive(data, now_ms)
        core.poll(now_ms)
        self._core_events(core)
        out = core.data_to_send()
        if out and self._dte.state == "online":
            self._dte.send(out, now_ms)
        if core.state == states.CLOSED:
            self._core = None
            self.state = LEAVING
            self._dte.hang_up(now_ms)

    def _next_timer(self):
        soonest = self._dte.next_timer()
        if self._core is not None:
            timer = self._core.next_timer()
            if timer is not None and (soonest is None or timer < soonest):
                soonest = timer
        if self.state == WAITING and (soonest is None or self._redial_ms < soonest):
            soonest = self._redial_ms
        return soonest

    # --- inside ---------------------------------------------------------------------------------------------------

    def _dial(self, now_ms):
        try:
            self._dte.dial(self._number, now_ms)
        except LocalError as error:
            self._become_idle("error", str(error))
            return
        self.state = DIALLING
        self._report("dialling", "number=" + self._number)

    def _ask(self, now_ms):
        opener = self.opener
        if opener.broadcast_id is None or opener.portion is None:
            return
        self._asked = (opener.programme_id, opener.broadcast_id)
        self._tell_price()
        self._paid_dark.reset()
        self._core.request(
            opener.programme_id, opener.broadcast_id, opener.portion, now_ms, self._token, self._max_price
        )

    def _tell_price(self):
        """What a portion costs as far as the broadcast says it, where the viewer has not been told that yet."""
        offer = self._offer()
        if offer is not None and offer is not self._told:
            self._told = offer
            self._report(
                "price",
                "portion=%d set_up=%d currency=%s tariff=%s"
                % (offer.price, offer.set_up, offer.currency, offer.tariff),
            )

    def _modem_events(self, now_ms):
        while True:
            event = self._dte.next_event()
            if event is None:
                return
            kind = event[0]
            if kind == "connect":
                self._connected(event[1], now_ms)
            elif kind not in ("ok", "ring"):
                self._line_gone(kind, now_ms)

    def _connected(self, rate, now_ms):
        if self.state != DIALLING:
            self._dte.hang_up(now_ms)  # nobody asked for a call
            return
        self.state = TALKING
        self._connected_ms = now_ms
        self._asked = None
        self._report("connected", "rate=%d" % rate)
        self._core = CallTerminal(self._identity(), self._random, self.forward_secrecy)
        self._core.start(now_ms)
        self._ask(now_ms)

    def _line_gone(self, kind, now_ms):
        state = self.state
        if self._core is not None:
            self._core.line_lost()
            self._core_events(self._core)
            self._core = None
        if state in (IDLE, WAITING):
            return
        # A first attempt that fails is the viewer's to repeat; a call that was lost is dialled again.
        if self._redials_left and (state != DIALLING or self._redialling):
            self._redials_left -= 1
            self._redial_ms = now_ms + REDIAL_MS
            self.state = WAITING
            self._report("line_lost", "redial_ms=%d" % REDIAL_MS)
        elif state == LEAVING:
            self._become_idle("hung_up", "")
        else:
            self._become_idle("call_failed", "reason=" + kind)

    def _become_idle(self, event, text):
        self.state = IDLE
        self._redials_left = 0
        self._report(event, text)

    def _core_events(self, core):
        while True:
            event = core.next_event()
            if event is None:
                return
            kind = event[0]
            if kind == "key":
                self._on_key(event[1], event[2])
            elif kind == "token":
                self._on_token(core, event[1])
            elif kind == "authenticated":
                self._report("authenticated", "")
            elif kind == "refused":
                self.refused += 1
                self._report("refused", event[1])
            else:
                if event[1] not in LOST:
                    self._redials_left = 0
                if event[1] != LINE_LOST:
                    self._report("closed", event[1])

    def _on_key(self, portion, key):
        self._redials_left = REDIALS
        self._redialling = False
        self._keyring.install(portion, key)
        running = self.opener.portion
        # While the tuner sees nothing the newest two are kept: they may fit when it sees again.
        self._keyring.drop_before(portion - 1 if running is None else running)
        self._report("key", "portion=%d" % portion)

    def _know_token(self, identity):
        """Read the token, and the number with it, before there is a call, which has little memory and no time."""
        if identity is not None and identity.terminal_id != self._token_of:
            self._token_of = identity.terminal_id
            self._token[:] = load_token(self._records, self._token_of, self._report)
            try:
                self._own_number = load_number(self._records)
            except (RingcastError, OSError, MemoryError):
                self._own_number = None  # told when it is wanted

    def _on_token(self, core, token):
        if store_token(self._records, self._token_of, token, self._report):
            self._token[:] = token
            core.token_stored()
        wipe(token)
