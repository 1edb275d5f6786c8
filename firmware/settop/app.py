"""The terminal's application: reads the board, starts player and services, obeys the console.

Console commands, one a line: those of the services (settop.services.face), `programmes`, `tune [NUMBER|NAME]`,
`status`, `provision` and what follows it (settop.wire.provision). It answers with lines of `@ MS EVENT TEXT`, MS
counted from the start.
"""

import gc

from settop.clock import Clock
from settop.crypto.entropy import Drbg
from settop.crypto.wipe import wipe
from settop.errors import FLASH_REFUSED, RemoteError, RingcastError
from settop.keystore.identity import SERVICE, load_identity
from settop.keystore.keystore import Keystore, Records
from settop.player.darkness import LOOK_MS as DARKNESS_MS
from settop.player.darkness import Darkness
from settop.player.player import Player
from settop.registry import Registry
from settop.ts.second_core import SecondCore
from settop.version import FORMATS, VERSION
from settop.wire.console import pack
from settop.wire.dark import WORDS

STEP_MS = 10  # how long the loop may sleep while the tuner delivers: well under what its buffer holds
LOOK_MS = 1000  # how often lost octets are told of at most
BACKLOG_OCTETS = 4096  # the tuner gave so much at once, near a whole batch: more may be waiting, so no sleep


class App:
    """Everything of one terminal. `step()` does what there is to do; `run()` does that for ever.

    To its services it is the `terminal` of settop.services.face.
    """

    def __init__(self, board):
        self.board = board
        self._clock = Clock(board)
        self.console = board.Console()
        self._identity = None
        self._provisioner = None
        self._listing = None
        self._idle_ms = 0
        self._look_ms = 0
        self._losses = None
        self._darkness_ms = 0
        self.keystore = Keystore(board)
        boots, wrong = self.keystore.start()
        wrong = [wrong]
        secret = b""
        try:
            self._identity = load_identity(self.records(SERVICE))
            if self.keystore.provisioned():
                secret = self.keystore.keys("random")
        except RemoteError as error:
            wrong.append(str(error))
        except OSError as error:
            wrong.append(FLASH_REFUSED % error)
        seed = board.entropy()
        self._drbg = Drbg(secret, boots.to_bytes(4, "big"), seed, board.unique_id())
        wipe(secret)
        self.services = Registry(self, list(board.WIRES.values()))
        self.services.claim("tuner", "the player")
        tuner, output = board.tuner_and_output()
        self.helper = SecondCore() if getattr(board, "CORES", 1) > 1 else None
        self.player = Player(tuner, output)
        self._darkness = Darkness(self.player)
        for name in board.SERVICES:
            self.services.start(name)
        for text in wrong:
            if text:
                self.report("error", text)
        self.report(
            "ready",
            "board=%s version=%s formats=%d boot=%d terminal=%s"
            % (
                board.NAME,
                VERSION,
                FORMATS,
                boots,
                self._identity.terminal_id.hex() if self._identity else "unprovisioned",
            ),
        )

    # --- what services may use --------------------------------------------------------------------------------------

    def identity(self):
        """The Identity, or None where the terminal is not provisioned."""
        return self._identity

    def records(self, service):
        """The Records of that service (settop.keystore.keystore)."""
        return Records(self.keystore, service)

    def random(self, count):
        """`count` fresh bytes."""
        return self._drbg.random(count)

    def offer(self):
        """The price on air (settop.wire.offer), or None."""
        return self.player.offer

    def wire(self, name, claimant):
        """The board's line of that name. Raises LocalError where there is none, or it is somebody else's."""
        self.services.claim(name, claimant)
        return getattr(self.board, name)()

    def codec(self):
        """The decoder chip's wires (board.codec()), or None where the board has none."""
        return self.board.codec()

    def report(self, event, text=""):
        """One line on the console. No secret may be in `text`."""
        self.console.write_line(pack(self._clock.now_ms(), event, text))

    # --- turns ------------------------------------------------------------------------------------------------------

    def run(self):
        """For ever; Ctrl-C on the console leads to the REPL."""
        board = self.board
        while True:
            idle_ms = self.step()
            if idle_ms:
                before = board.ticks_ms()
                board.idle(idle_ms)
                self._idle_ms += board.ticks_diff(board.ticks_ms(), before)
            else:
                board.idle(0)

    def step(self):
        """A turn for everyone: player, services, console. Returns how many ms may go by before the next step."""
        now_ms = self._clock.now_ms()
        # One batch, then the others' turn: a fast programme never leaves the tuner empty.
        taken = self.player.step(now_ms)
        self._player_events(now_ms)
        if now_ms >= self._look_ms:
            self._look_ms = now_ms + LOOK_MS
            self._tell_losses()
        if now_ms >= self._darkness_ms:
            self._darkness_ms = now_ms + DARKNESS_MS
            self.services.on_event(("seen", self._darkness.look()), now_ms)
        timer_ms = self.services.step(now_ms)
        if self._listing is not None:
            self._list()
        line = self._read_line()
        if line is not None:
            self._command(line.split(), now_ms)
            return 0
        if taken >= BACKLOG_OCTETS:
            return 0
        if timer_ms is None:
            return STEP_MS
        return max(0, min(STEP_MS, timer_ms - now_ms))

    def _player_events(self, now_ms):
        while True:
            event = self.player.next_event()
            if event is None:
                return
            if event[0] == "left_out":
                self.report("left_out", event[1])
            else:
                self.services.on_event(event, now_ms, self.player.sender)

    def _list(self):
        """A line of the list of programmes: one in a step, as there may be hundreds."""
        try:
            self.report(*next(self._listing))
        except StopIteration:
            self._listing = None

    def _tell_losses(self):
        """Tell of what was lost since the last look, with the counters since start; and of a core that gave up."""
        player = self.player
        losses = player.lost + player.resyncs + player.damaged + player.overflow
        # What the first packet came in the middle of is not lost.
        if self._losses is not None and losses != self._losses:
            self.report(
                "tuner_loss",
                "lost=%d resyncs=%d damaged=%d overflow=%d"
                % (player.lost, player.resyncs, player.damaged, player.overflow),
            )
        if player.packets:
            self._losses = losses
        helper = self.helper
        if helper is not None and helper.ended:
            self.helper = None
            self.report("error", "the second core does not answer: the first one does all the work from here on")

    def _read_line(self):
        try:
            return self.console.read_line()
        except UnicodeError:
            self.report("error", "a command is plain ASCII")
            return None

    def _command(self, words, now_ms):
        try:
            if not words:
                pass
            elif words == ["programmes"]:
                from settop.services.tuning import listing  # as rare as _provision

                self._listing = listing(self.player.programmes)
            elif words[0] == "tune":
                from settop.services.tuning import tune

                self.report("tuned", tune(self.player, words[1:]))
                self._player_events(now_ms)
            elif words == ["status"]:
                self._status()
            elif words[0].startswith("provision"):
                self._provision(words, now_ms)
            elif not self.services.command(words, now_ms):
                there = self.services.commands() + ["programmes", "tune", "status", "provision"]
                self.report("error", "unknown command; there are " + ", ".join(there))
        except RingcastError as error:
            self.report("error", str(error))
        except OSError as error:
            self.report("error", FLASH_REFUSED % error)

    def _status(self):
        player = self.player
        gc.collect()
        words = self.services.status()
        heap = (gc.mem_alloc(), gc.mem_free()) if hasattr(gc, "mem_alloc") else (0, 0)
        self.report(
            "status",
            "%sportion=%s packets=%d opened=%d dark=%d damaged=%d resyncs=%d lost=%d overflow=%d refused=%d "
            "cores=%d idle_ms=%d heap_used=%d heap_free=%d damaged_slots=%d version=%s formats=%d wrong=%d cause=%s"
            % (
                words + " " if words else "",
                player.portion,
                player.packets,
                player.opened,
                player.dark,
                player.damaged,
                player.resyncs,
                player.lost,
                player.overflow,
                player.refused + self.services.refused(),
                1 if self.helper is None else 2,
                self._idle_ms,
                heap[0],
                heap[1],
                self.keystore.damaged_slots,
                VERSION,
                FORMATS,
                player.starts.wrong,
                WORDS[self._darkness.cause],
            ),
        )

    def _provision(self, words, now_ms):
        busy = self.services.busy()
        if busy:
            self.report("error", busy)
            return
        if self._provisioner is None:
            # Rare and large: loaded when it is wanted, so that a terminal in service does without it. What stays of it
            # is to lie close together: a call may come right behind. Its ring, one large piece, comes first.
            gc.collect()
            try:
                self.player.make_ring()
            except MemoryError:
                pass  # an identity is worth having without
            from settop.services.provision import Provisioner

            self._provisioner = Provisioner(self, self.board, self.keystore)
        provisioner = self._provisioner
        try:
            identity = provisioner.command(words, now_ms)
            if identity is not None:
                if self._identity is not None:
                    self._identity.wipe()
                self._identity = identity
        finally:
            if provisioner.idle:
                self._provisioner = None
                provisioner.unload()
