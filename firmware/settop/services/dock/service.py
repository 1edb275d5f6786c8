"""The device manager as a service: knows the players of this household, and gives them copies of bought titles.

Console (docs/players.md): `players` tells who is of the household and who is docked, `household LIST` brings the
shop's list, `transfer PATH WAY [PLAYER]` makes a copy, `transfer stop` gives it up, `copies` tells what the docked
player has, `remove COPY` deletes one. What it tells: `player_docked`, `player_lost`, `player_refused`, `player_left`;
`transferring`, `transfer_waits`, `transferred`, `transfer_failed`; `copy`, `copies`, `removed`; `household`,
`household_player`.

A player that is pulled out in the midst of a transfer is waited for, and the copy goes on when it is back.
"""

from gc import collect

from settop.crypto.wipe import wipe
from settop.errors import FLASH_REFUSED, LocalError, RemoteError
from settop.services.dock.core import DockTerminal
from settop.services.dock.household import Households
from settop.wire import dock as wire
from settop.wire.household import COMMAND as HOUSEHOLD

COMMANDS = ("players", HOUSEHOLD, "transfer", "copies", "remove")
LINE_BYTES = 256
PIECES = 8  # of a title, read in a turn
NO_MEMORY = "there is no memory for it"
_WHO = "dock"
_HOW = "transfer takes PATH WAY [PLAYER], WAY one of bought, own, tenth; or stop"


def make(terminal):
    """See settop.services.face."""
    return DockService(terminal, terminal.wire("dock", _WHO))


class DockService:
    """See settop.services.face; `terminal` is what that says, `line` the dock's. `player`: what is known of the docked
    one, or None; `transfer`: what is under way (transfer.py), or None, in that `phase`."""

    COMMANDS = COMMANDS
    opener = None

    def __init__(self, terminal, line):
        self._terminal = terminal
        self._report = terminal.report
        self._line = line
        self._view = memoryview(bytearray(LINE_BYTES))
        self._out = b""
        self._identity = self._households = self._core = None
        self.player = None
        self._turned_away = None
        self.transfer = None
        self.phase = ""  # of the transfer: reading, waiting, asked, sending, ending
        self._for = b""  # the player that it is for
        self._listing = -1
        self._look_at_identity()

    @property
    def busy(self):
        return "a title is being transferred" if self.transfer is not None else ""

    @property
    def refused(self):
        return 0 if self._core is None else self._core.refused

    def status(self):
        return "dock=" + ("unprovisioned" if self._core is None else self._core.state)

    def on_event(self, event, now_ms):
        """The broadcast is none of its business."""

    def stop(self):
        self._give_up()
        if self._core is not None:
            self._core.close()

    # --- the viewer -------------------------------------------------------------------------------------------------

    def command(self, words, now_ms):
        self._look_at_identity()
        if self._core is None:
            raise LocalError("players are of a terminal with an identity: run `ringcast provision` first")
        verb = words[0]
        if verb == "players" and len(words) == 1:
            self._tell_household()
        elif verb == HOUSEHOLD and len(words) == 2:
            self._households.take(words[1])
            self._tell_household()
            self._core.start_anew(now_ms)  # whoever is docked may have left
        elif verb == "transfer" and words[1:] == ["stop"]:
            if self.transfer is None:
                raise LocalError("no title is being transferred")
            self._fail("it was stopped", now_ms)
        elif verb == "transfer" and 3 <= len(words) <= 4 and words[2] in wire.WAYS[1:]:
            self._begin(words[1], wire.WAYS.index(words[2]), words[3:])
        elif verb == "transfer":
            raise RemoteError(_HOW)
        elif verb == "copies" and len(words) == 1:
            self._ask(wire.pack_list(0), now_ms)
            self._listing = 0
        elif verb == "remove" and len(words) == 2:
            self._ask(wire.pack_remove(_octets(words[1], "a copy")), now_ms)
        else:
            raise RemoteError("players and copies take nothing, household the shop's list, remove the id of a copy")

    def _ask(self, body, now_ms):
        if self.transfer is not None and self.phase != "waiting":
            raise LocalError(self.busy)
        self._core.ask(body, now_ms)
        self._listing = -1

    def _begin(self, path, way, player):
        if self.transfer is not None:
            raise LocalError(self.busy)
        titles = self._terminal.services.get("titles")
        if titles is None:
            raise LocalError("this board starts no service titles: it has no keys of titles")
        if player:
            player = _octets(player[0], "a player")
        elif self.player is None:
            raise LocalError("no player is docked: say which one the copy is for")
        else:
            player = self.player[0]
        found = self._households.find(player)
        if found is None:
            raise RemoteError("no player %s is of this household" % player.hex())
        wipe(found[2])
        if found[1] != wire.MEMBER:
            raise RemoteError("player %s has left this household" % player.hex())
        collect()

        def find_key(kid):
            try:
                return titles.keys.key(kid)
            except OSError as error:
                raise RemoteError(FLASH_REFUSED % error)

        try:
            from settop.services.dock.transfer import Transfer

            open_file = getattr(self._terminal.board, "open", open)
            self.transfer = Transfer(open_file, path, way, find_key)
        except MemoryError:
            collect()
            raise LocalError(NO_MEMORY)
        self._for = player
        self.phase = "reading"

    def _look_at_identity(self):
        """It may be another one since the last turn: a provisioning."""
        terminal = self._terminal
        identity = terminal.identity()
        if identity is self._identity and self._households is not None:
            return
        if self._core is not None:
            self._give_up()
            self._core.close()
            self._core = self.player = None
        self._identity = identity
        self._households = Households(terminal.records(_WHO), identity)
        if identity is not None:
            self._core = DockTerminal(identity, terminal.random, self._find)

    # --- turns ------------------------------------------------------------------------------------------------------

    def step(self, now_ms):
        """Returns the time at which it wants to be called again at the latest, or None."""
        self._look_at_identity()
        core = self._core
        if core is None:
            return None
        while True:
            count = min(self._line.any(), LINE_BYTES)
            if not count:
                break
            count = self._line.readinto(self._view[:count])
            core.receive(self._view[:count], now_ms)
            self._events(now_ms)
        core.poll(now_ms)
        self._events(now_ms)
        moving = self.transfer is not None and self._move(now_ms)
        self._out += core.data_to_send()
        if self._out:
            self._out = self._out[self._line.write(self._out) or 0 :]
        if moving or self._out:
            return now_ms
        return core.next_timer()

    def _move(self, now_ms):
        """A turn for the transfer: whether it wants another one at once."""
        try:
            return self._go_on(now_ms)
        except (RemoteError, LocalError, OSError) as error:
            self._fail(FLASH_REFUSED % error if isinstance(error, OSError) else str(error), now_ms)
        except MemoryError:
            self._fail(NO_MEMORY, now_ms)
        return False

    def _go_on(self, now_ms):
        transfer, core = self.transfer, self._core
        if self.phase == "reading":
            for _ in range(PIECES):
                if transfer.read():
                    self.phase = "waiting"
                    if self.player is None or self.player[0] != self._for:
                        self._report("transfer_waits", "for player %s" % self._for.hex())
                    break
            return True
        if self.phase == "waiting":
            if core.state == "docked" and self.player is not None and self.player[0] == self._for:
                self._put(now_ms)
            return False
        if self.phase == "sending":
            for _ in range(PIECES):
                room = core.room()
                if transfer.done or not room:
                    break
                core.give(transfer.more(room), now_ms)
            if transfer.done:
                core.flush(now_ms)
                if core.all_came():
                    size, digest, kid, key = transfer.end()
                    try:
                        core.end(size, digest, kid, key, now_ms)
                    finally:
                        wipe(key)
                    self.phase = "ending"
            return not transfer.done and core.room() > 0
        return False

    def _put(self, now_ms):
        transfer = self.transfer
        _, ways, codecs = self.player
        if not ways >> transfer.way & 1:
            raise RemoteError("the player does not play copies of the way %s" % wire.WAYS[transfer.way])
        if transfer.codec not in codecs:
            raise RemoteError("the player has no codec %s" % transfer.codec)
        found = self._households.find(self._for)
        if found is None or found[1] != wire.MEMBER:
            if found is not None:
                wipe(found[2])
            raise RemoteError("player %s has left this household" % self._for.hex())
        transfer.begin(found[2])
        self._core.put(transfer.way, transfer.copy, transfer.size, transfer.codec, transfer.name, now_ms)
        self.phase = "asked"

    # --- what the core tells ----------------------------------------------------------------------------------------

    def _events(self, now_ms):
        while True:
            event = self._core.next_event()
            if event is None:
                return
            kind = event[0]
            if kind == "turned_away":
                self._turn_away(event[1], event[2])
            elif kind == "docked":
                self._docked(*event[1:])
            elif kind == "lost":
                self._lost()
            elif kind == "place":
                self._start(event[1], now_ms)
            elif kind == "answer":
                self._answered(event[1], event[2], now_ms)
            elif kind == "denied":
                self._denied(event[1], event[2], now_ms)

    def _find(self, player_id):
        try:
            return self._households.find(player_id)
        except (RemoteError, LocalError, OSError) as error:
            self._report("error", str(error))
        return None

    def _turn_away(self, player_id, reason):
        """Told once, and not with every greeting."""
        if self._turned_away == (player_id, reason):
            return
        self._turned_away = player_id, reason
        text = wire.REASONS.get(reason, "for reason %d" % reason)
        if reason == wire.UNKNOWN and player_id:
            try:
                found = self._households.load()
                if found is None:
                    text = "this terminal has no household's list: get one from the shop"
                else:
                    text += ", which has %d of %d players" % (found[2].members, found[2].most)
                    wipe(found[3])
            except (RemoteError, LocalError, OSError) as error:
                text = str(error)
        self._report("player_refused", "id=%s %s" % (player_id.hex() or "none", text))

    def _docked(self, player_id, standing, ways, free, copies, gone, codecs):
        self._turned_away = None
        if standing != wire.MEMBER:
            self._report("player_left", "id=%s deleted=%d" % (player_id.hex(), gone))
            return
        self.player = player_id, ways, codecs
        names = [wire.WAYS[way] for way in range(1, len(wire.WAYS)) if ways >> way & 1]
        self._report(
            "player_docked",
            "id=%s copies=%d free=%d ways=%s deleted=%d" % (player_id.hex(), copies, free, ",".join(names), gone),
        )

    def _lost(self):
        self._listing = -1
        if self.player is not None:
            self._report("player_lost", "id=" + self.player[0].hex())
        self.player = None
        if self.transfer is not None and self.phase != "reading":
            if self.phase != "waiting":
                self._report("transfer_waits", "for player %s" % self._for.hex())
            self.phase = "waiting"

    def _start(self, place, now_ms):
        if self.transfer is None:
            return
        self._report(
            "transferring",
            "name=%s way=%s octets=%d from=%d"
            % (self.transfer.name, wire.WAYS[self.transfer.way], self.transfer.size, place),
        )
        self.phase = "sending"
        try:
            collect()
            self.transfer.start(place)
        except (RemoteError, LocalError, OSError) as error:
            self._fail(str(error), now_ms)
        except MemoryError:
            self._fail(NO_MEMORY, now_ms)

    def _answered(self, verb, body, now_ms):
        try:
            if verb == wire.END and self.transfer is not None:
                transfer = self.transfer
                said = "id=%s way=%s name=%s" % (transfer.copy.hex(), wire.WAYS[transfer.way], transfer.name)
                self._give_up()
                self._report("transferred", said)
            elif verb == wire.LIST and self._listing >= 0:
                copy, way, size, name = wire.unpack_copy(body)
                self._listing += 1
                self._report("copy", "id=%s way=%s octets=%d name=%s" % (copy.hex(), wire.WAYS[way], size, name))
                self._core.ask(wire.pack_list(self._listing), now_ms)
            elif verb == wire.REMOVE:
                self._report("removed")
        except (RemoteError, LocalError) as error:
            self._listing = -1
            self._report("error", str(error))

    def _denied(self, verb, status, now_ms):
        text = wire.STATUS.get(status, "the player says no (%d)" % status)
        if verb == wire.LIST and self._listing >= 0:
            if status == wire.NONE:
                self._report("copies", "count=%d" % self._listing)
            else:
                self._report("error", text)
            self._listing = -1
        elif verb in (wire.PUT, wire.END) and self.transfer is not None:
            self._fail(text, now_ms)
        else:
            self._report("error", text)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _tell_household(self):
        found = self._households.load()
        if found is None:
            raise LocalError("this terminal has no household's list: get one from the shop")
        household, serial, players, content = found
        self._report(
            HOUSEHOLD, "id=%s serial=%d players=%d most=%d" % (household.hex(), serial, players.members, players.most)
        )
        for number in range(players.count):
            standing, player_id = players.player(number)
            here = self.player is not None and self.player[0] == player_id
            word = "left" if standing != wire.MEMBER else "docked" if here else "member"
            self._report("household_player", "id=%s %s" % (player_id.hex(), word))
        wipe(content)

    def _fail(self, why, now_ms):
        self._give_up()
        self._core.abandon(now_ms)
        self._report("transfer_failed", why)

    def _give_up(self):
        if self.transfer is not None:
            self.transfer.close()
            self.transfer = None
        self.phase = ""
        collect()


def _octets(text, what):
    """An id of eight octets."""
    try:
        octets = bytes.fromhex(text)
    except ValueError:
        octets = b""
    if len(octets) != wire.COPY_ID_BYTES:
        raise RemoteError("the id of %s has %d hex digits" % (what, 2 * wire.COPY_ID_BYTES))
    return octets
