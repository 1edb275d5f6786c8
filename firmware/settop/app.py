"""The terminal's application: reads the board, starts player and call service, obeys the console.

Console commands, one a line: `call [NUMBER] [--max-price N]`, `hangup`, `programmes`, `tune [NUMBER|NAME]`,
`secrecy on|off`, `status`, `provision`, `provision-set HOSTKEY BLOB`. It answers with lines of `@ MS EVENT TEXT`, MS
counted from the start.
"""

import gc

from settop.clock import Clock
from settop.crypto.entropy import Drbg
from settop.crypto.hkdf import sha256
from settop.crypto.wipe import wipe
from settop.errors import RemoteError, RingcastError
from settop.keystore.identity import load_identity, next_boot, store_identity
from settop.keystore.keystore import Keystore
from settop.player.darkness import LOOK_MS as DARKNESS_MS
from settop.player.darkness import Darkness
from settop.player.keyring import Keyring
from settop.player.player import Player
from settop.services.call.service import CallService
from settop.ts.second_core import SecondCore
from settop.version import FORMATS, VERSION
from settop.wire.console import pack
from settop.wire.dark import WORDS
from settop.wire.offer import MAX_PRICE

STEP_MS = 10  # how long the loop may sleep while the tuner delivers: well under what its buffer holds
LOOK_MS = 1000  # how often lost octets are told of at most
BACKLOG_OCTETS = 4096  # the tuner gave so much at once, near a whole batch: more may be waiting, so no sleep

_FLASH_REFUSED = "the flash refused to be read or written (%s); provision again, or replace the board"


class App:
    """Everything of one terminal. `step()` does what there is to do; `run()` does that for ever."""

    def __init__(self, board):
        self._board = board
        self._clock = Clock(board)
        self._console = board.Console()
        self._identity = None
        self._provisioner = None
        self._new_broadcast = False
        self._listing = None
        self._idle_ms = 0
        self._look_ms = 0
        self._losses = None
        self._darkness_ms = 0
        boots = 0
        damage = ""
        lock = board.load_lock()
        if lock is not None:
            keystore = self._open_keystore(lock)
            try:
                boots = next_boot(keystore)
                self._identity = load_identity(keystore)
            except RemoteError as error:
                damage = str(error)
            except OSError as error:
                damage = _FLASH_REFUSED % error
            finally:
                keystore.close()
        self._boots = boots
        seed = board.entropy()
        self._random = Drbg(lock or b"", boots.to_bytes(4, "big"), seed, board.unique_id())
        if lock is not None:
            wipe(lock)
        tuner, output = board.tuner_and_output()
        self._helper = SecondCore() if getattr(board, "CORES", 1) > 1 else None
        self.player = Player(tuner, output, Keyring(), helper=self._helper)
        self._darkness = Darkness(self.player)
        self.call = CallService(board.modem(), self.player, lambda: self._identity, self._random.random, self.report)
        if damage:
            self.report("error", damage)
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

    def report(self, event, text=""):
        """One line on the console. No secret may be in `text`."""
        self._console.write_line(pack(self._clock.now_ms(), event, text))

    def run(self):
        """For ever; Ctrl-C on the console leads to the REPL."""
        board = self._board
        while True:
            idle_ms = self.step()
            if idle_ms:
                before = board.ticks_ms()
                board.idle(idle_ms)
                self._idle_ms += board.ticks_diff(board.ticks_ms(), before)
            else:
                board.idle(0)

    def step(self):
        """A turn for everyone: player, call, console. Returns how many ms may go by before the next step."""
        now_ms = self._clock.now_ms()
        # One batch, then the others' turn: a fast programme never leaves the tuner empty.
        taken = self.player.step(now_ms)
        self._player_events(now_ms)
        if now_ms >= self._look_ms:
            self._look_ms = now_ms + LOOK_MS
            self._look()
        if now_ms >= self._darkness_ms:
            self._darkness_ms = now_ms + DARKNESS_MS
            self.call.look(self._darkness.look(), now_ms)
        timer_ms = self.call.step(now_ms)
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
            if event[0] == "portion":
                held = self.player.keyring.cipher(event[1]) is not None
                self.report("portion", "index=%d key=%s" % (event[1], "yes" if held else "no"))
                self.call.on_portion(event[1], self._new_broadcast, now_ms)
                self._new_broadcast = False
            elif event[0] == "broadcast":
                self.report("broadcast", "programme=%d" % event[1])
                self._new_broadcast = True
            elif event[0] == "left_out":
                self.report("left_out", event[1])
            else:
                self.report("lost_portion")
                self.call.on_portion(None, False, now_ms)

    def _list(self):
        """A line of the list of programmes: one in a step, as there may be hundreds."""
        try:
            self.report(*next(self._listing))
        except StopIteration:
            self._listing = None

    def _look(self):
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
        helper = self._helper
        if helper is not None and helper.ended:
            self._helper = None
            self.report("error", "the second core does not answer: the first one does all the work from here on")

    def _read_line(self):
        try:
            return self._console.read_line()
        except UnicodeError:
            self.report("error", "a command is plain ASCII")
            return None

    def _open_keystore(self, lock):
        board = self._board
        return Keystore(board.STORAGE, lock, board.unique_id(), getattr(board, "FILES", None))

    def _command(self, words, now_ms):
        try:
            if not words:
                pass
            elif words[0] == "call" and len(words) < 5:
                max_price = _take_price(words)
                if len(words) > 2:
                    raise RemoteError("call takes a number and --max-price N, each once")
                self.call.dial(words[1] if len(words) == 2 else None, now_ms, max_price)
            elif words == ["hangup"]:
                self.call.hang_up(now_ms)
            elif words == ["programmes"]:
                from settop.services.choosing import listing  # as rare as _provision

                self._listing = listing(self.player.programmes)
            elif words[0] == "tune":
                from settop.services.choosing import tune

                self.report("tuned", tune(self.player, words[1:]))
                self._player_events(now_ms)
            elif words[0] == "secrecy" and words[1:] in (["on"], ["off"]):
                self.call.forward_secrecy = words[1] == "on"
                self.report("secrecy", words[1])
            elif words == ["status"]:
                self._status()
            elif words == ["provision"] or (words[0] == "provision-set" and len(words) == 3):
                self._provision(words)
            else:
                self.report(
                    "error", "unknown command; there are call, hangup, programmes, tune, secrecy, status, provision"
                )
        except RingcastError as error:
            self.report("error", str(error))
        except OSError as error:
            self.report("error", _FLASH_REFUSED % error)

    def _status(self):
        player = self.player
        gc.collect()
        heap = (gc.mem_alloc(), gc.mem_free()) if hasattr(gc, "mem_alloc") else (0, 0)
        self.report(
            "status",
            "call=%s portion=%s packets=%d opened=%d dark=%d damaged=%d resyncs=%d lost=%d overflow=%d refused=%d "
            "cores=%d idle_ms=%d heap_used=%d heap_free=%d version=%s formats=%d wrong=%d cause=%s"
            % (
                self.call.state,
                player.portion,
                player.packets,
                player.opened,
                player.dark,
                player.damaged,
                player.resyncs,
                player.lost,
                player.overflow,
                player.refused + self.call.refused,
                1 if self._helper is None else 2,
                self._idle_ms,
                heap[0],
                heap[1],
                VERSION,
                FORMATS,
                player.starts.wrong,
                WORDS[self._darkness.cause],
            ),
        )

    def _provision(self, words):
        # Rare and large: loaded when it is wanted, so that a terminal in service does without it.
        from settop.services.provision import Provisioner

        if self.call.state != "idle":
            self.report("error", "a call is under way: hang up first")
            return
        if len(words) == 1:
            self._provisioner = Provisioner(self._random.random)
            self.report("provision-key", self._provisioner.begin().hex())
            return
        if self._provisioner is None:
            self.report("error", "say `provision` first")
            return
        host_key, blob = _unhex(words[1]), _unhex(words[2])
        provisioner = self._provisioner
        self._provisioner = None
        identity, host_random = provisioner.finish(host_key, blob)
        lock = sha256(host_random, self._random.random(32))
        wipe(host_random)
        self._board.store_lock(lock)
        keystore = self._open_keystore(lock)
        wipe(lock)
        try:
            store_identity(keystore, identity)
            # The record that another lock sealed would not open at the next boot.
            keystore.store("boot", self._boots.to_bytes(4, "big"))
        finally:
            keystore.close()
        if self._identity is not None:
            self._identity.wipe()
        self._identity = identity
        self.report("provisioned", identity.terminal_id.hex())


def _take_price(words):
    """Take `--max-price N` out of a command's words: N (0 to MAX_PRICE, minor units), or None. Raises RemoteError."""
    if "--max-price" not in words:
        return None
    at = words.index("--max-price")
    digits = words[at + 1] if at + 1 < len(words) else ""
    del words[at : at + 2]
    for digit in digits:
        if digit not in "0123456789":
            digits = ""
    if not 0 < len(digits) <= 10 or int(digits) > MAX_PRICE:
        raise RemoteError("--max-price takes a number of minor units, 0 to %d" % MAX_PRICE)
    return int(digits)


def _unhex(word):
    try:
        return bytes.fromhex(word)
    except ValueError:
        raise RemoteError("provision-set takes two hexadecimal words, as `ringcast provision` sends them")
