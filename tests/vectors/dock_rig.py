"""Both ends of the dock's protocol with a line between them that does as the test says."""

from settop.dock.contact import pair_key
from settop.keystore.identity import Identity
from settop.services.dock.core import DockTerminal
from settop.services.player.core import DockPlayer
from settop.wire import dock as wire

TERMINAL = Identity(b"terminal", bytes(range(0x20, 0x40)))
PLAYER = Identity(b"player 1", bytes(range(0x40, 0x60)))
STRANGER = Identity(b"player 2", bytes(range(0x60, 0x80)))
HOUSEHOLD = b"at home "


class Drawn:
    """Numbers that are never the same."""

    def __init__(self, first):
        self._next = first

    def __call__(self, count):
        self._next += 1
        return bytes([(self._next * 31 + at * 7) & 0xFF for at in range(count)])


class Members:
    """Who is of the household: `standing` by player id."""

    def __init__(self, *players):
        self.standing = {player.terminal_id: wire.MEMBER for player in players}
        self._keys = {one.terminal_id: one.device_key for one in (PLAYER, STRANGER)}

    def __call__(self, player_id):
        if player_id not in self.standing:
            return None
        pair = pair_key(self._keys[player_id], player_id, TERMINAL.terminal_id)
        return HOUSEHOLD, self.standing[player_id], pair


class Bench:
    """A player that takes copies into `kept`: copy id -> octets, and says what the test has in `status`. damage(octets,
    to_player): what the line makes of what is sent."""

    def __init__(self, player=PLAYER, members=None):
        self.now_ms = 1000
        self.members = Members(PLAYER) if members is None else members
        self.terminal = DockTerminal(TERMINAL, Drawn(1), self.members)
        self.player = DockPlayer(player, Drawn(100))
        self.damage = lambda octets, to_player: octets
        self.cable = True
        self.kept = {}
        self.at = 0
        self.copy = b""
        self.ended = None
        self.asked = []
        self.status = {}
        self.told = []  # by the terminal
        self.heard = []  # by the player

    def turn(self, count=1, ms=10):
        for _ in range(count):
            self.now_ms += ms
            self.terminal.poll(self.now_ms)
            self.player.poll(self.now_ms)
            for source, target, to_player in (
                (self.terminal, self.player, True),
                (self.player, self.terminal, False),
            ):
                octets = source.data_to_send()
                if octets and self.cable:
                    target.receive(self.damage(octets, to_player), self.now_ms)
                self._hear()
            while True:
                event = self.terminal.next_event()
                if event is None:
                    break
                self.told.append(event)

    def until(self, name, turns=4000):
        """The event of that name, and nothing of before it any more."""
        for _ in range(turns):
            while self.told:
                event = self.told.pop(0)
                if event[0] == name:
                    return event
            self.turn()
        raise AssertionError("no " + name + "; the terminal is " + self.terminal.state)

    def dock(self):
        return self.until("docked")

    def transfer(self, octets, copy=b"copy one", way=wire.AS_BOUGHT, key=bytes(16)):
        """What was said in the end."""
        from settop.crypto.hkdf import sha256

        terminal = self.terminal
        terminal.put(way, copy, len(octets), "mp4a.6b", "a song", self.now_ms)
        at = None
        ended = False
        for _ in range(20000):
            self.turn()
            while self.told:
                event = self.told.pop(0)
                if event[0] == "place":
                    at = event[1]
                elif event[0] in ("answer", "denied", "lost"):
                    return event
            if at is not None and terminal.state == "sending":
                count = min(terminal.room(), len(octets) - at)
                if count:
                    terminal.give(octets[at : at + count], self.now_ms)
                    at += count
                if at == len(octets):
                    terminal.flush(self.now_ms)
                    if terminal.all_came() and not ended:
                        terminal.end(at, bytes(sha256(octets)), bytes(16), key, self.now_ms)
        raise AssertionError("it does not end; the terminal is " + terminal.state)

    # --- what the owner of a player does ----------------------------------------------------------------------------

    def _hear(self):
        player = self.player
        while True:
            event = player.next_event()
            if event is None:
                return
            self.heard.append(event[0])
            if event[0] == "asked":
                body, self.ticket = event[1:]
                self.asked.append(bytes(body[:1]))
                self._answer(body)
            elif event[0] == "piece":
                _, place, octets = event
                if self.copy and place == self.at:
                    self.kept[self.copy] += bytes(octets)
                    self.at += len(octets)
                player.wanted(self.at)

    def _answer(self, body):
        player, verb = self.player, body[0]
        if verb in self.status:
            player.answer(self.ticket, bytes((self.status[verb],)))
        elif verb == wire.OPEN:
            self.opened = wire.unpack_open(body)
            player.answer(self.ticket, wire.pack_opened(14, 100000, len(self.kept), 0, ("mp4a.6b", "ipcm")))
        elif verb == wire.PUT:
            self.copy = bytes(wire.unpack_put(body)[1])
            self.kept.setdefault(self.copy, b"")
            self.at = len(self.kept[self.copy])
            player.answer(self.ticket, wire.pack_place(self.at))
        elif verb == wire.END:
            self.ended = wire.unpack_end(body)
            player.answer(self.ticket, bytes((wire.OK,)))
        else:
            player.answer(self.ticket, bytes((wire.OK,)))
