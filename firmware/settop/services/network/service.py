"""The network as a service: it owns the one link, and lends it to the other services.

They find it by `terminal.services.get("network")`, and have of it:

    want(who, now_ms)    `who` (a service's name) needs the link, until leave(who, now_ms): it is up as long as anybody
                         needs it. Said again it brings back a link that was given up, unless that is a call, which
                         costs money: the viewer dials
    state, pace          of the link (settop.net.link_states): nothing passes unless it is "up", and nothing will where
                         it is "none", "down" or "failed"
    fetcher()            a settop.net.fetch.Fetch of one's own, with names, trust and link: step() it in every turn
    names(), sockets()   settop.net.names.Names, settop.net.sockets.Sockets, for what is no HTTP

Fetch, names and TLS are loaded when somebody wants them.
"""

from gc import collect

from settop.errors import LocalError, RemoteError
from settop.net.link import NO_NETWORK, Link
from settop.services.network.commands import COMMANDS, obey

VIEWER = "console"
DIAL_UP_MS = 180000  # a modem may ring for a minute and a half; dial-up ends sooner by itself
DIAL_TRIES = 4  # a call costs money
DIAL_PAUSE_MS = 4000
DIAL_PACE = 4
MAX_LOOKUPS = 4


def make(terminal):
    """See settop.services.face."""
    if "network" in terminal.board.WIRES.values():
        terminal.services.claim("network", "network")
    return NetworkService(terminal)


class NetworkService:
    """See settop.services.face; `terminal` is what that says."""

    COMMANDS = COMMANDS
    opener = None

    def __init__(self, terminal):
        self.refused = 0
        self._terminal = terminal
        self._board = terminal.board
        self._report = terminal.report
        self._own_link()
        self._dial = None  # the DialUp, once somebody wanted it
        self._wanted = []  # who needs the link
        self._since_ms = 0  # that there is none although it is wanted
        self._sockets = self._names = self._trust = self._kept = None
        self._transfers = self._groups = self._echo = None
        self._lookups = []

    # --- other services -----------------------------------------------------------------------------------------------

    @property
    def state(self):
        return self._link.state

    @property
    def pace(self):
        return self._link.pace

    def want(self, who, now_ms):
        if who not in self._wanted:
            self._wanted.append(who)
        if self.state == "down" or (self.state == "failed" and not self._dialled):
            self._since_ms = now_ms
            self._time_for_modem(now_ms)
            self._link.want(now_ms)

    def leave(self, who, now_ms):
        if who in self._wanted:
            self._wanted.remove(who)
            if not self._wanted:
                self._let_go(now_ms)

    def fetcher(self):
        from settop.net.fetch import Fetch

        return Fetch(self.names(), self._terminal.random, self.sockets(), self._trusted(), self)

    def sockets(self):
        if self._sockets is None:
            from settop.net.sockets import Sockets

            self._sockets = Sockets(*getattr(self._board, "SOCKETS", ()))
        return self._sockets

    def names(self):
        if self._names is None:
            from settop.net.names import Names

            self._names = Names(self._servers(), self._terminal.random, self.sockets())
        return self._names

    # --- the viewer ---------------------------------------------------------------------------------------------------

    def command(self, words, now_ms):
        try:
            obey(self, words, now_ms)
        except MemoryError:
            collect()
            raise LocalError("there is no memory for it")

    def up(self, now_ms):
        """The board's own link."""
        if self._dialled:
            self._check_down(now_ms)
            self._own_link()
        if self.state == NO_NETWORK:
            raise LocalError("this board has no network of its own")
        if self.state == "up":
            raise LocalError("the network is up")
        self.want(VIEWER, now_ms)

    def dial(self, number, now_ms):
        """Dial-up to a provider's number."""
        from settop.modem.dte import NUMBER_CHARS, NUMBER_MAX

        if not 1 <= len(number) <= NUMBER_MAX or any(char not in NUMBER_CHARS for char in number):
            raise RemoteError("network dial takes a number of 1 to %d characters of %s" % (NUMBER_MAX, NUMBER_CHARS))
        self._check_down(now_ms)
        if not hasattr(self._board, "network_up"):
            raise LocalError("this board has no network")
        if self._dial is None:
            line = self._terminal.wire("modem", "network")
            from settop.services.network.dial_up import DialUp

            self._dial = DialUp(line, self._board, self._report)
        self._dial.number = number
        self._dial.calls = []
        self._link = Link(
            self._dial,
            self._terminal.random,
            up_ms=DIAL_UP_MS,
            first_ms=DIAL_PAUSE_MS,
            tries=DIAL_TRIES,
            pace=DIAL_PACE,
        )
        self._dialled = True
        self.want(VIEWER, now_ms)

    def down(self, now_ms):
        """Whoever wants it: the viewer decides."""
        if self.state in (NO_NETWORK, "down"):
            raise LocalError("the network is down")
        self._wanted = []
        self._let_go(now_ms)

    def forget_time(self):
        """Of the certificates: see settop.services.network.kept."""
        self._kept_time().forget()
        if self._trust is not None:
            self._trust.now_s = self._kept.now_s

    def fetch(self, url, now_ms):
        self._check_possible()
        self._own_transfers().fetch(url, now_ms)

    def cancel(self, now_ms):
        """The transfer, be it up or down; the link stays."""
        if self._transfers is None or not self._transfers.busy:
            raise LocalError("no transfer is under way")
        self._transfers.end("given up", now_ms)

    def upload(self, url, octets, now_ms):
        self._check_possible()
        self._own_transfers().upload(url, octets, now_ms)

    def look_up(self, name, now_ms):
        self._check_possible()
        if len(self._lookups) >= MAX_LOOKUPS:
            raise LocalError("%d names are being looked up: wait for one of them" % MAX_LOOKUPS)
        self._lookups.append(self.names().look_up(name, now_ms))

    def join(self, group, port):
        self._check_up()
        if self._groups is None:
            from settop.services.network.groups import Groups

            self._groups = Groups(self.sockets(), self._report)
        self._groups.join(group, port)

    def leave_group(self, group, port):
        if self._groups is None:
            raise LocalError("that group is not joined")
        self._groups.leave(group, port)

    def echo(self, where, count, octets, now_ms):
        self._check_up()
        if self._echo is not None:
            raise LocalError("an echo is under way: one at a time")
        from settop.services.network.echo import Echo

        try:
            self._echo = Echo(self.sockets(), self._report, where, count, octets, now_ms, self.pace)
        except OSError as error:
            raise LocalError("no socket for it: %s" % error)

    @property
    def busy(self):
        if self._transfers is not None and self._transfers.busy:
            return "a transfer is under way: wait for its end"
        return "a call is under way: say network down first" if self._dialled else ""

    def status(self):
        return "network=" + self.state

    def on_event(self, event, now_ms):
        """The broadcast is none of its business."""

    def stop(self):
        if self._groups is not None:
            self._groups.down()
        self._link.leave(0)

    # --- turns --------------------------------------------------------------------------------------------------------

    def step(self, now_ms):
        """Move octets and timers on. Returns the time at which it wants to be called again at the latest, or None."""
        if self._dial is not None:
            self._dial.step(now_ms)
            if self._dial.hopeless:  # and so would all further calls be
                self._report("error", self._dial.hopeless)
                self._dial.hopeless = ""
                self._wanted = []
                self._let_go(now_ms)
        due_ms = self._link.step(now_ms)
        self._link_events(now_ms)
        if self._dial is not None:
            due_ms = _earlier(due_ms, self._dial.next_timer())
        if self._groups is not None:
            due_ms = _earlier(due_ms, self._groups.step(now_ms))
        if self._echo is not None:
            due_ms = _earlier(due_ms, self._echo.step(now_ms))
            if self._echo.done:
                self._echo = None
        if self._lookups:
            due_ms = _earlier(due_ms, self._step_lookups(now_ms))
        if self._transfers is not None:
            mine_ms = self._transfers.step(now_ms, self._possible())
            due_ms = _earlier(due_ms, mine_ms)
            if mine_ms is None and not self._transfers.busy:
                self._transfers = None  # its buffers are other services' to use
        if self._trust is not None and self._trust.now_s != self._kept.now_s:
            self._kept.keep(self._trust.now_s)
        return due_ms

    def _link_events(self, now_ms):
        event = self._link.next_event()
        while event is not None:
            kind = event[0]
            if kind == "up":
                self._on_up(now_ms)
            elif kind == "down":
                self._on_down(now_ms)
            elif kind == "retry":
                self._report("network_retry", "ms=%d" % event[1])
            else:
                self._report("network_failed", "")
            if self._dialled and kind in ("retry", "failed"):
                self._dial.network_down()  # a call that leads nowhere is not paid for while we wait
            event = self._link.next_event()
        if self._dialled and self.state == "down":
            self._own_link()  # nobody but the viewer has a number dialled

    def _on_up(self, now_ms):
        if self._names is not None:
            self._names.use(self._servers())
        if self._groups is not None:
            self._groups.up()
        kind = "dialup" if self._dialled else "own"
        self._report("network_up", "kind=%s ms=%d" % (kind, now_ms - self._since_ms))

    def _on_down(self, now_ms):
        self._since_ms = now_ms
        if self._groups is not None:
            self._groups.down()
        self._end_echo(now_ms)
        self._report("network_down", "")

    def _step_lookups(self, now_ms):
        due_ms = self._names.step(now_ms)
        for lookup in self._lookups:
            if lookup.addresses:
                self._report("address", "name=%s ip=%s" % (lookup.name, lookup.addresses[0]))
            elif lookup.failure:
                self._report("lookup_failed", "name=%s %s" % (lookup.name, lookup.failure))
        self._lookups = [lookup for lookup in self._lookups if not lookup.done]
        return due_ms

    # --- inside -------------------------------------------------------------------------------------------------------

    def _possible(self):
        return self.state not in (NO_NETWORK, "down", "failed")

    def _check_possible(self):
        if not self._possible():
            raise LocalError("there is no network: say network up, or network dial NUMBER")

    def _check_up(self):
        if self.state != "up":
            raise LocalError("the network is not up")

    def _check_down(self, now_ms):
        if self._possible():
            raise LocalError("the network is in use: say network down first")
        self._let_go(now_ms)

    def _own_link(self):
        self._link = Link(self._board, self._terminal.random)
        self._dialled = False

    def _time_for_modem(self, now_ms):
        """What the modem is told next, it is told now."""
        if self._dial is not None:
            self._dial.step(now_ms)

    def _let_go(self, now_ms):
        if self.state == NO_NETWORK:
            return
        self._time_for_modem(now_ms)
        self._link.leave(now_ms)
        self._end_echo(now_ms)
        if self._groups is not None:
            self._groups.leave_all()

    def _end_echo(self, now_ms):
        if self._echo is not None:
            self._echo.end(now_ms)
            self._echo = None

    def _servers(self):
        there = getattr(self._board, "network_names", None)
        return there() if there is not None else ()

    def _own_transfers(self):
        if self._transfers is None:
            from settop.services.network.transfers import Transfers

            self._transfers = Transfers(self.fetcher(), self._report)
        return self._transfers

    def _trusted(self):
        """The Trust, or None where no authority is known."""
        if self._trust is None:
            from settop.services.network.kept import trust

            self._trust = trust(self._board, self._kept_time().now_s, self._report)
        return self._trust

    def _kept_time(self):
        if self._kept is None:
            from settop.services.network.kept import KeptTime

            self._kept = KeptTime(self._terminal.records("network"), self._report)
        return self._kept


def _earlier(one_ms, other_ms):
    if one_ms is None or other_ms is None:
        return other_ms if one_ms is None else one_ms
    return min(one_ms, other_ms)
