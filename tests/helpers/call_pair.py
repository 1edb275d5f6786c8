"""A terminal and a call centre on one line, in virtual milliseconds and without IO.

`Air` is the broadcaster, `Home` a subscriber with what the database knows, `CallPair` one call. Everything is
decided by the arguments: the same ones give the same bytes at the same instant.
"""

import random
from types import SimpleNamespace

from headend.accounts.engine import open_database
from headend.accounts.master_key import MasterKey
from headend.broadcast.schedule import Broadcast, Schedule
from headend.callcentre.core import CentreCall, Timing
from headend.callcentre.ledger import Opening, Subscriber
from headend.callcentre.models import Alarm
from headend.callcentre.store_ledger import StoreLedger
from headend.callcentre.subscribers import add_subscriber, set_tariff
from headend.callcentre.tokens import UNSTORED_TEXT, Tokens, judge
from headend.ts.keys import control_word
from settop.link.hdlc import Deframer
from settop.player.keyring import Keyring
from settop.services.call import states
from settop.services.call.core import CallTerminal
from settop.services.call.kept import load_token, store_token
from settop.services.call.service import put_down
from settop.wire import call as wire
from settop.wire.ids import NO_PORTION
from sqlalchemy import select

TERMINAL_ID = bytes.fromhex("0102030405060708")
DEVICE_KEY = bytes(range(0x40, 0x60))
MASTER = MasterKey(b"\x5a" * 32)
UP, DOWN = "up", "down"


class Air:
    """Programmes cut in portions of `portion_ms`, all starting at 0 ms; `portions` of them, then over."""

    def __init__(self, portion_ms=10_000, portions=1000, programmes=(1,), run=1):
        self.portion_ms = portion_ms
        self.portions = portions
        self.schedule = Schedule()
        self.broadcasts = {}
        for programme in programmes:
            secret = b"%08d%08d" % (programme, run)
            self.broadcasts[programme] = Broadcast(programme, b"run%05d" % run, secret)
            self.schedule.add(self.broadcasts[programme])
        self._announced = -1

    def portion_at(self, now_ms):
        return now_ms // self.portion_ms

    def advance(self, now_ms):
        """Announces what has begun by `now_ms`, once."""
        portion = min(self.portion_at(now_ms), self.portions)
        if portion == self._announced:
            return
        self._announced = portion
        for broadcast in self.broadcasts.values():
            if portion >= self.portions:
                broadcast.over()
            else:
                start = portion * self.portion_ms
                broadcast.announce(portion, start, start + self.portion_ms, portion == self.portions - 1)

    def key(self, programme, portion):
        broadcast = self.broadcasts[programme]
        return control_word(broadcast.programme_secret, programme, broadcast.broadcast_id, portion)


class MemoryRecords:
    """settop.services.face's records in a dictionary."""

    def __init__(self, kept=None):
        self.kept = dict(kept or {})

    def load(self, name):
        return bytearray(self.kept[name]) if name in self.kept else None

    def store(self, name, data, counted=False):
        self.kept[name] = bytes(data)

    def copy(self):
        """Another terminal with the same flash."""
        return MemoryRecords(self.kept)


class MemoryLedger:
    """headend.callcentre.ledger.Ledger in a dictionary, for sweeps of thousands of calls."""

    def __init__(self, device_key=DEVICE_KEY):
        self.subscriber = Subscriber(1, TERMINAL_ID, device_key)
        self.charges = {}
        self.reasons = []
        self.alarms = []
        self.warnings = []  # of kind "unstored"
        self.old = self.pending = self.displaced = None
        self.unstored = False

    def find(self, terminal_id):
        return self.subscriber if terminal_id == TERMINAL_ID else None

    def may_watch(self, subscriber, programme_id):
        return True

    def begin_call(self, subscriber, programme_id, broadcast_id, now_ms, shown, fresh, max_price=None):
        verdict = judge(Tokens(self.old, self.pending, self.displaced, self.unstored), shown, fresh)
        if verdict.alarm:
            (self.warnings if verdict.alarm == UNSTORED_TEXT else self.alarms).append(now_ms)
        self.old, self.pending, self.displaced = verdict.after.old, verdict.after.pending, verdict.after.displaced
        self.unstored = verdict.after.unstored
        record = self.open_call(subscriber, programme_id, broadcast_id, now_ms, max_price)
        return Opening(record, unfinished=verdict.unfinished, alarm=verdict.alarm, token=self.pending)

    def keep_token(self, call, token):
        if token == self.pending and self.reasons[call] is None:
            self.old, self.pending, self.displaced, self.unstored = token, None, None, False

    def open_call(self, subscriber, programme_id, broadcast_id, now_ms, max_price=None, after=None):
        self.reasons.append(None)
        return len(self.reasons) - 1

    def deliver(self, call, portion, now_ms, same_line=(), start_ms=0):
        self.charges.setdefault(portion, call)
        return True

    def acknowledge(self, call, portion, now_ms, owed=None):
        assert portion in self.charges
        self.unstored |= owed is not None and owed == self.pending and self.reasons[call] is None

    def withdraw_after(self, call, last_owed):
        self.charges = {portion: payer for portion, payer in self.charges.items() if portion <= last_owed}

    def charged(self, call):
        return list(self.charges.values()).count(call)

    def close_call(self, call, now_ms, reason):
        was_open = self.reasons[call] is None
        self.reasons[call] = self.reasons[call] or reason
        return was_open


class Home:
    """A subscriber in a database in memory. Prices: 10 a portion, no set-up."""

    def __init__(self, credit=None, programmes=None, device_key=DEVICE_KEY, url="sqlite://"):
        self.engine = open_database(url)
        set_tariff(self.engine, "test", 10)
        self.number = add_subscriber(self.engine, MASTER, TERMINAL_ID, device_key, "test", programmes, credit)
        self.ledger = StoreLedger(self.engine, MASTER)

    def records(self):
        return [self.ledger.call_record(call) for call in self.ledger.calls_of(self.number)]

    def alarms(self):
        """Kinds of the operator's alarms, oldest first."""
        with self.engine.begin() as connection:
            return list(connection.scalars(select(Alarm.kind).order_by(Alarm.alarm_id)))

    def bill(self):
        return sum(record.price for record in self.records())


class Line:
    """One direction: 10 bits a byte, in order, `delay_ms` later.

    `fault(offset, byte)` gives the byte that arrives, or None where it is lost.
    """

    def __init__(self, bit_rate, delay_ms, fault=None):
        self._byte_us = 10_000_000 // bit_rate
        self._delay_ms = delay_ms
        self._fault = fault
        self._free_us = 0
        self._flying = []
        self._deframer = Deframer()
        self.sent = bytearray()
        self.frames = []  # (time sent, payload)

    def send(self, data, now_ms):
        for byte in data:
            self._free_us = max(self._free_us, now_ms * 1000) + self._byte_us
            seen = byte if self._fault is None else self._fault(len(self.sent), byte)
            self.sent.append(byte)
            if seen is not None:
                self._flying.append((self._delay_ms - -self._free_us // 1000, seen))
        self.frames += [(now_ms, payload) for payload in self._deframer.feed(data)]

    def next_ms(self):
        return self._flying[0][0] if self._flying else None

    def arrived(self, now_ms):
        count = 0
        while count < len(self._flying) and self._flying[count][0] <= now_ms:
            count += 1
        data = bytes(byte for _, byte in self._flying[:count])
        del self._flying[:count]
        return data

    def clear(self):
        self._flying.clear()


class CallPair:
    """One call, from CONNECT at `connect_ms`. The terminal asks for `programme` as soon as it may.

    `keys`: every key that the terminal took, {(programme, portion): bytes}; each was compared with the true
    one. `leads_ms`: start of a portion minus the time its key was complete. `drop=(direction, offset)`: the
    line is lost just before that byte of that direction leaves. `records`: what the terminal keeps in flash; the
    calls of one terminal id with one ledger have the same, unless it is given.
    """

    def __init__(
        self,
        ledger,
        air,
        programme=1,
        connect_ms=0,
        bit_rate=2400,
        delay_ms=40,
        up_fault=None,
        down_fault=None,
        drop=None,
        forward_secrecy=False,
        seed=1,
        timing=None,
        terminal_id=TERMINAL_ID,
        device_key=DEVICE_KEY,
        broadcast_id=None,
        randoms=None,
        max_price=None,
        records=None,
    ):
        self.air = air
        self.now_ms = connect_ms
        self.keys = {}
        self.keyring = Keyring()
        self.leads_ms = {}
        self.refused = []
        self.closed = None
        self.centre_closed = None
        self.first_key = None  # (up bytes, down bytes, round trips) before the first key frame left
        self.programme = programme
        self.max_price = max_price
        self.up = Line(bit_rate, delay_ms, up_fault)
        self.down = Line(bit_rate, delay_ms, down_fault)
        self._drop = drop
        self._actions = []
        self._lost = False
        identity = SimpleNamespace(terminal_id=terminal_id, device_key=bytearray(device_key))
        ours, theirs = randoms or (random.Random(2 * seed).randbytes, random.Random(2 * seed + 1).randbytes)
        self.terminal = CallTerminal(identity, ours, forward_secrecy)
        flashes = vars(ledger).setdefault("flashes", {})
        self.records = flashes.setdefault(terminal_id, MemoryRecords()) if records is None else records
        self._terminal_id = terminal_id
        self.told = []
        self._token = bytes(load_token(self.records, terminal_id, self._tell))
        self.alarms = []  # of the centre, in this call
        self.centre = CentreCall(
            ledger,
            air.schedule,
            timing or Timing(lead_max_ms=air.portion_ms),
            theirs,
        )
        air.advance(connect_ms)
        self._on_air = air.portion_at(connect_ms)
        self.terminal.start(self.now_ms)
        self.watch(programme, broadcast_id)
        self.centre.poll(self.now_ms)
        self._settle()

    # --- what the viewer and the world do -------------------------------------------------------------------

    def watch(self, programme, broadcast_id=None):
        """The viewer chooses a programme: the keyring is wiped and the centre asked."""
        self.programme = programme
        self.keyring.wipe()
        on_air = broadcast_id or self.air.broadcasts[programme].broadcast_id
        portion = self.air.portion_at(self.now_ms)
        self.terminal.request(programme, on_air, portion, self.now_ms, self._token, self.max_price)

    def at(self, time_ms, action):
        """Calls `action()` at that instant."""
        self._actions.append((time_ms, len(self._actions), action))
        self._actions.sort()

    def hang_up(self):
        """The viewer presses the button."""
        before = set(self.keyring.held())
        kept = put_down(self.keyring, self.air.portion_at(self.now_ms))
        for portion in before - set(self.keyring.held()):
            del self.keys[self.programme, portion]
        self.terminal.hang_up(NO_PORTION if kept is None else kept, self.now_ms)
        self._settle()

    def say_dark(self, first, last, cause=8):
        """The terminal says that portions `first` to `last` stayed dark, true or not."""
        self.terminal.dark(first, last, cause, self.now_ms)
        self._settle()

    def lose_line(self):
        if not self._lost:
            self._lost = True
            self.up.clear()
            self.down.clear()
            self.terminal.line_lost()
            self.centre.line_lost(self.now_ms)

    def inject(self, direction, data):
        """Bytes that an intruder puts on the line, at once."""
        if direction == UP:
            self.centre.receive(data, self.now_ms)
        else:
            self.terminal.receive(data, self.now_ms)
        self._settle()

    def run(self, until_ms):
        """Lets the time go on until `until_ms`, or until both sides are closed."""
        steps = 0
        while True:
            times = [
                self.up.next_ms(),
                self.down.next_ms(),
                self.terminal.next_timer(),
                self.centre.next_timer(),
                (self._on_air + 1) * self.air.portion_ms,
                self._actions[0][0] if self._actions else None,
            ]
            due = min((t for t in times if t is not None), default=until_ms)
            over = self.terminal.state == states.CLOSED and self.centre.state == "CLOSED"
            if due >= until_ms or (over and not self._actions):
                self.now_ms = max(self.now_ms, until_ms if not over else self.now_ms)
                return self
            steps = 0 if due > self.now_ms else steps + 1
            assert steps < 100, "time stands still"
            self.now_ms = max(self.now_ms, due)
            self._step()

    # --- inside ---------------------------------------------------------------------------------------------

    def _step(self):
        now = self.now_ms
        if self.air.portion_at(now) != self._on_air:
            self._on_air = self.air.portion_at(now)
            self.air.advance(now)
            self.keyring.drop_before(self._on_air)
            self.terminal.on_air(self._on_air)
            self.centre.poll(now)
        while self._actions and self._actions[0][0] <= now:
            self._actions.pop(0)[2]()
        for data, receiver in ((self.up.arrived(now), self.centre), (self.down.arrived(now), self.terminal)):
            if data:
                receiver.receive(data, now)
        self.terminal.poll(now)
        self.centre.poll(now)
        self._settle()

    def _settle(self):
        """Reads the events of both sides, and puts on the line what they have to say."""
        self._read_events()  # first: a token is acknowledged once it is stored
        for direction, side, line in ((UP, self.terminal, self.up), (DOWN, self.centre, self.down)):
            data = side.data_to_send()
            if self._lost:
                continue
            if self._drop and self._drop[0] == direction and len(line.sent) + len(data) > self._drop[1]:
                line.send(data[: self._drop[1] - len(line.sent)], self.now_ms)
                self._deliver_then_lose()
                continue
            if direction == DOWN and self.first_key is None:
                self._count_until_first_key(data)
            line.send(data, self.now_ms)
        self._read_events()

    def _read_events(self):
        while (event := self.terminal.next_event()) is not None:
            self._terminal_event(event)
        while (happened := self.centre.next_event()) is not None:
            if happened.kind == "closed":
                assert self.centre_closed is None
                self.centre_closed = happened.text
            elif happened.kind == "alarm":
                self.alarms.append(happened.text)

    def _deliver_then_lose(self):
        """What left before the cut still arrives; then both modems lose the carrier."""
        times = [flying[-1][0] for line in (self.up, self.down) if (flying := line._flying)]
        at_ms = max(times, default=self.now_ms)
        for line, receiver in ((self.up, self.centre), (self.down, self.terminal)):
            data = line.arrived(at_ms)
            if data:
                receiver.receive(data, self.now_ms)
        self.lose_line()

    def _tell(self, event, text):
        self.told.append((event, text))

    def _count_until_first_key(self, data):
        probe, before = Deframer(), 0
        for at in range(len(data)):
            for payload in probe.feed(data[at : at + 1]):
                if payload[0] == wire.KEY:
                    answers = sum(1 for _, frame in self.down.frames if frame[0] == wire.CHALLENGE)
                    self.first_key = (len(self.up.sent), len(self.down.sent) + before, answers + 1)
                    return
                before = at + 1

    def _terminal_event(self, event):
        if event[0] == "key":
            _, portion, key = event
            assert bytes(key) == self.air.key(self.programme, portion), "a wrong key was installed"
            assert portion in (self.air.portion_at(self.now_ms), self.air.portion_at(self.now_ms) + 1)
            self.keys[self.programme, portion] = bytes(key)
            self.leads_ms[portion] = portion * self.air.portion_ms - self.now_ms
            self.keyring.install(portion, key)
        elif event[0] == "token":
            if store_token(self.records, self._terminal_id, event[1], self._tell):
                self.terminal.token_stored()
        elif event[0] == "refused":
            self.refused.append(event[1])
        elif event[0] == "closed":
            assert self.closed is None
            self.closed = event[1]


def kinds(line):
    """Names of the messages on a line, in order."""
    return [wire.NAMES[payload[0]] for _, payload in line.frames]
