"""A terminal with a device manager and portable players, docked to it one at a time: whole applications on boards of
the tests' own, whose UARTs are each other's."""

import gc
import io

from app_rig import KEY as DEVICE_KEY
from app_rig import LOCK, start
from cut_rig import KeptFiles, Power, PowerCut  # noqa: F401 (for the tests)
from dock_rig import HOUSEHOLD, PLAYER
from network_rig import lines_of
from settop.crypto import ccm
from settop.crypto.hkdf import hkdf
from settop.dock.contact import pair_key
from settop.keystore.identity import Identity, pack_identity
from settop.keystore.keystore import Keystore
from settop.keystore.relock import replace
from settop.wire import dock as wire
from settop.wire import household
from titles_rig import TERMINAL_ID, Bench, TitleBoard, licence_for, samples

TERMINAL = Identity(TERMINAL_ID, DEVICE_KEY)


class Wire:
    """One end of the dock's cable."""

    def __init__(self):
        self.coming = b""
        self.other = None

    def any(self):
        return len(self.coming)

    def readinto(self, view):
        count = min(len(view), len(self.coming))
        view[:count] = self.coming[:count]
        self.coming = self.coming[count:]
        return count

    def write(self, octets):
        if self.other is not None:
            self.other.coming += bytes(octets)
        return len(octets)


class CopiesInMemory:
    """See settop.services.player.files.CopyFiles. `room`: octets that all of it may have. What was appended and not
    synced is gone with `cut`."""

    def __init__(self, power, room=200000):
        self.files = {}
        self.room = room
        self._name = None
        self._kept = 0
        self.step = power.step

    def names(self):
        return list(self.files)

    def size(self, name):
        return len(self.files[name]) if name in self.files else None

    def free(self):
        return self.room - sum([len(data) for data in self.files.values()])

    def begin(self, name):
        self.step()
        self.files.setdefault(name, b"")
        self._name = name
        self._kept = len(self.files[name])

    def append(self, octets):
        if len(octets) > self.free():
            raise OSError(28)
        for at in range(len(octets)):
            self.step()
            self.files[self._name] += bytes(octets[at : at + 1])

    def sync(self):
        self.step()
        self._kept = len(self.files[self._name])

    def close(self):
        if self._name is not None:
            self.sync()
            self._name = None

    def open(self, name, mode="rb"):
        if name not in self.files:
            raise OSError(2)
        return io.BytesIO(self.files[name])

    def remove(self, name):
        self.step()
        self.files.pop(name, None)

    def cut(self):
        """The power went."""
        if self._name in self.files:
            self.files[self._name] = self.files[self._name][: self._kept]
        self._name = None


class DockedBoard(TitleBoard):
    """A board of that identity (None: none). `wire`: its end of the dock's cable."""

    WIRES = {0: "dock", 1: "tuner"}

    def __init__(self, identity, services):
        super().__init__()
        self.SERVICES = services
        self.power = Power()
        self.FILES = KeptFiles(self.power)
        self.COPIES = CopiesInMemory(self.power)
        self.wire = Wire()
        if identity is not None:
            replace(Keystore(self), LOCK, [("terminal", "identity", pack_identity(identity), False)])

    def dock(self):
        return self.wire

    def count(self):
        self.power.step()
        self.counted += 1
        self.power.step()
        return self.counted


class One:
    """An application on its board, which may be started again."""

    def __init__(self, identity, services):
        self.board = DockedBoard(identity, services)
        self.app = None
        self.start()

    def start(self):
        self.app = None
        self.board.power.left = -1
        self.board.COPIES.cut()
        self.board.wire = Wire()
        self.app = start(self.board)
        self.service = self.app.services.get(self.board.SERVICES[-1])

    def turn(self, ms):
        self.board.ticks += ms
        self.app.step()
        return lines_of(self.board)


class Docked:
    """`terminal` and the players of `players` (identities); `dock(n)` puts one in, `pull()` takes it out."""

    def __init__(self, *players, most=2, listed=True):
        self.terminal = One(TERMINAL, ("titles", "dock"))
        self.players = [One(identity, ("titles", "player")) for identity in players or (PLAYER,)]
        if hasattr(gc, "freeze"):
            gc.freeze()  # or each collection goes through all of the tests' process
        self.said = []  # by the terminal
        self.heard = []  # by the players
        self.docked = None
        self.turn(1)
        if listed:
            self.terminal.board.console.lines.append(list_for([(wire.MEMBER, PLAYER)], most))
            self.until("household")

    def dock(self, number=0):
        self.pull()
        player = self.players[number]
        self.terminal.board.wire.other, player.board.wire.other = player.board.wire, self.terminal.board.wire
        self.docked = player

    def pull(self):
        if self.docked is not None:
            self.terminal.board.wire.other = self.docked.board.wire.other = None
            self.docked = None

    def turn(self, count=1, ms=10):
        for _ in range(count):
            self.said += self.terminal.turn(ms)
            for player in self.players:
                self.heard += player.turn(ms)

    def until(self, *events, turns=6000, heard=False):
        """The line of that event, said by the terminal or (heard) by a player; what was before it is gone."""
        lines = self.heard if heard else self.said
        for _ in range(turns):
            while lines:
                line = lines.pop(0)
                if line.split(" ")[0] in events:
                    return line
            self.turn()
            lines = self.heard if heard else self.said
        raise AssertionError("nothing of " + ", ".join(events))

    def ask(self, line, *events, **more):
        del self.said[:]
        self.terminal.board.console.lines.append(line)
        return self.until(*events, **more)

    def tell(self, line, *events, number=0):
        """The same of a player."""
        del self.heard[:]
        self.players[number].board.console.lines.append(line)
        return self.until(*events, heard=True)

    def transfer(self, title="cenc", way="bought"):
        return self.ask("transfer %s %s" % (title, way), "transferred", "transfer_failed", "error")  # noqa: UP031

    def play(self, number=0, copy=1):
        """What the decoder chip of that player got, and how it ended."""
        chip = self.players[number].board.chip
        chip.data = bytearray()
        said = self.tell("hear " + str(copy), "title_ended", "title_failed", "title_dark", "error", number=number)
        return bytes(chip.data).rstrip(b"\x00"), said


def sound():
    """What the terminal's own chip gets of the title."""
    bench = Bench()
    bench.ask("play clear", "title_ended")
    return samples(bench)


def bench_with_key(*players, **options):
    """A Docked whose terminal has the titles' key."""
    bench = Docked(*players, **options)
    bench.ask(licence_for(), "licensed")
    return bench


def list_for(players, most=2, serial=1, household_id=HOUSEHOLD, identity=TERMINAL):
    """The console line of a household's list; players: (standing, Identity)."""
    rows = []
    for standing, player in players:
        pair = pair_key(player.device_key, player.terminal_id, identity.terminal_id)
        rows.append((standing, player.terminal_id, pair))
    return sealed(household.pack_list(most, rows), serial, household_id, identity)


def sealed(content, serial=1, household_id=HOUSEHOLD, identity=TERMINAL):
    """The same of any content."""
    head = household.pack_head(household_id, serial)
    key = hkdf(identity.device_key, b"", household.info_of(identity.terminal_id), household.KEY_BYTES)
    return household.pack_command(head + ccm.seal(key, head + b"\0", head, content, household.TAG_BYTES))
