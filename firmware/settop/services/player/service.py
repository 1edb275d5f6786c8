"""A portable player as a service: takes copies of titles over its dock, and plays them by the service `titles`.

Console (docs/players.md): `copies` tells what there is, `hear NUMBER` or `hear ID` plays one; `pause`, `stop` and so on
are those of titles. What it tells: `dock_met`, `dock_left`, `dock_refused`; `copy_coming`, `copied`, `copy`, `copies`,
`copy_removed`; `keys_gone` where a household was left.

What the terminal asks is done at once, but for the reading back of a copy, which takes its time. What says no has
changed nothing; a power cut leaves a copy that is there or is not, and what came of one that was on its way.
"""

from gc import collect

from settop.crypto.compare import equal
from settop.crypto.wipe import wipe
from settop.errors import FLASH_REFUSED, LocalError, RemoteError
from settop.services.player.copies import MOST, SERVICE, Copies, codecs, key_of, ways_of
from settop.services.player.core import DockPlayer
from settop.wire import dock as wire

COMMANDS = ("copies", "hear")
LINE_BYTES = 256
SYNC_BYTES = 4096  # how much a power cut may cost of what came
PIECES = 8  # read back in a turn
_PIECE_BYTES = 512


def make(terminal):
    """See settop.services.face."""
    return PlayerService(terminal, terminal.wire("dock", SERVICE))


class PlayerService:
    """See settop.services.face; `terminal` is what that says, `line` the dock's."""

    COMMANDS = COMMANDS
    opener = None

    def __init__(self, terminal, line):
        self._terminal = terminal
        self._report = terminal.report
        self._line = line
        self._identity = terminal.identity()
        self._core = DockPlayer(self._identity, terminal.random)
        self._copies = Copies(terminal.board, terminal.records(SERVICE))
        self._view = memoryview(bytearray(LINE_BYTES))
        self._out = b""
        self._household = b""
        self._member = False
        self._coming = None  # (copy, way, room, codec, name) of the copy on its way
        self._at = self._synced = 0  # how far it came
        self._broken = False  # the flash refused more of it
        self._ticket = 0  # of the last question
        self._ending = None  # what END said, while the copy is read back
        self._reading = None
        self._piece = None
        self._ahead = None  # the Copy that is to be played, until its key is asked for

    @property
    def busy(self):
        return "a copy is coming over the dock" if self._coming else ""

    @property
    def refused(self):
        return self._core.refused

    def status(self):
        return "dock=" + self._core.state

    def on_event(self, event, now_ms):
        """The broadcast is none of its business."""

    def stop(self):
        self._core.close()
        self._drop_end()
        self._forget_ahead()

    # --- the listener -----------------------------------------------------------------------------------------------

    def command(self, words, now_ms):
        names = self._copies.names()
        if words == ["copies"]:
            number = 0
            for copy in self.copies():
                number += 1
                self._report("copy", _told(number, copy))
            self._report("copies", "count=%d free=%d" % (len(names), self._copies.room("")))
        elif words[0] == "hear" and len(words) == 2 and words[1] in names:
            self._hear(words[1], now_ms)
        elif words[0] == "hear" and len(words) == 2 and words[1].isdigit() and 1 <= int(words[1][:4]) <= len(names):
            self._hear(names[int(words[1]) - 1], now_ms)
        else:
            raise RemoteError("copies takes nothing, hear a copy's number or id: there are %d" % len(names))

    def copies(self):
        """Each Copy that is here, in order, its key wiped. RemoteError: a record is damaged, or was put back."""
        for name in self._copies.names():
            copy = self._copies.load(name)
            if copy is not None:
                wipe(copy.key)
                yield copy

    def open_copy(self, name):
        """The octets of the copy whose id is `name`, to be read and closed. OSError."""
        return self._copies.files.open(name)

    def _hear(self, name, now_ms):
        titles = self._terminal.services.get("titles")
        if titles is None:
            raise LocalError("this board starts no service titles: it plays nothing")
        copy = self._copies.load(name)
        wipe(copy.key)
        copies = self._copies

        def find_key(kid):
            # A board's stack is small: where the reader asks, there is little of it left for a keystore.
            found, self._ahead = self._ahead, None
            if found is None:
                try:
                    found = copies.load(name)
                except OSError as error:
                    raise RemoteError(FLASH_REFUSED % error)
            if found is None:
                raise RemoteError("the copy's key is gone")
            try:
                return bytearray(found.key) if found.way == wire.TENTH else key_of(found, kid)
            finally:
                wipe(found.key)

        def reading(sink):
            self._forget_ahead()
            collect()
            try:
                self._ahead = copies.load(name)
            except (RemoteError, OSError):
                pass  # it is said when the reader asks
            if copy.way == wire.TENTH:
                from settop.services.player.reading import TenthCopy

                return TenthCopy(find_key, sink)
            from settop.titles.reader import TitleReader

            return TitleReader(find_key, sink)

        titles.hear(name, copies.files.open, reading, now_ms)

    def _forget_ahead(self):
        if self._ahead is not None:
            wipe(self._ahead.key)
            self._ahead = None

    # --- turns ------------------------------------------------------------------------------------------------------

    def step(self, now_ms):
        """Returns the time at which it wants to be called again at the latest, or None."""
        if self._terminal.identity() is not self._identity:
            self._begin_anew()
        if self._ahead is not None and self._terminal.services.get("titles").state == "idle":
            self._forget_ahead()
        core = self._core
        while True:
            count = min(self._line.any(), LINE_BYTES)
            if not count:
                break
            count = self._line.readinto(self._view[:count])
            core.receive(self._view[:count], now_ms)
            if self._events():
                break
        core.poll(now_ms)
        self._events()
        if self._reading is not None:
            self._read_back()
        self._send()
        if self._reading is not None or self._out or self._line.any():
            return now_ms
        return core.next_timer()

    def _send(self):
        self._out += self._core.data_to_send()
        if self._out:
            self._out = self._out[self._line.write(self._out) or 0 :]

    def _events(self):
        """Whether there were some."""
        found = False
        while True:
            event = self._core.next_event()
            if event is None:
                return found
            found = True
            kind = event[0]
            if kind == "piece":
                self._take_piece(event[1], event[2])
            elif kind == "asked":
                self._asked(event[1], event[2])
            elif kind == "met":
                self._member = False
                self._report("dock_met", "terminal=" + event[1].hex())
            elif kind == "left":
                self._leave()
                self._report("dock_left")
            elif kind == "turned_away":
                self._report("dock_refused", event[1])

    def _asked(self, body, ticket):
        """Whatever goes wrong is an answer: the terminal waits for one."""
        answer = wire.FLASH
        self._ticket = ticket
        try:
            answer = self._answer(body)
        except (RemoteError, LocalError, OSError) as error:
            self._report("error", str(error))
        except MemoryError:
            collect()
            self._report("error", "there is no memory for it")
        finally:
            wipe(body)
        if answer is not None:
            self._core.answer(ticket, bytes((answer,)) if isinstance(answer, int) else answer)

    def _answer(self, body):
        """The answer to a question: a status, octets, or None: later."""
        verb = body[0]
        self._drop_end()
        if verb == wire.OPEN:
            return self._open(*wire.unpack_open(body))
        if verb == wire.PING:
            return wire.OK
        if verb == wire.END:
            return self._end(*wire.unpack_end(body))
        self._leave()
        if verb == wire.PUT:
            return self._put(*wire.unpack_put(body))
        if verb == wire.LIST:
            return self._list(body)
        if verb == wire.REMOVE:
            return self._remove(wire.copy_of(body).hex())
        return wire.CANNOT

    def _open(self, household, standing):
        """Where it has left, and where it came to another household, the keys go before anything else is said."""
        self._household = household
        gone = self._copies.forget(household, standing == wire.GONE)
        if gone:
            self._report("keys_gone", "copies=%d" % gone)
        self._member = standing == wire.MEMBER
        ways = ways_of(self._terminal.board) if self._member else 0
        return wire.pack_opened(ways, self._copies.room(""), len(self._copies.names()), gone, codecs())

    def _put(self, way, copy, room, codec, name):
        if not self._member or not ways_of(self._terminal.board) >> way & 1 or codec not in codecs():
            return wire.CANNOT
        copies = self._copies
        file = copy.hex()
        names = copies.names()
        size = copies.files.size(file)
        if file in names and size is not None:
            return wire.HAVE
        if len(names) >= MOST or room > copies.room(file):
            return wire.FULL
        copies.tidy(file)
        if size is not None and size > room:
            copies.files.remove(file)
            size = 0
        copies.files.begin(file)
        self._coming = copy, way, room, codec, name
        self._at = self._synced = size or 0
        self._broken = False
        self._report("copy_coming", "way=%s octets=%d from=%d name=%s" % (wire.WAYS[way], room, self._at, name))
        return wire.pack_place(self._at)

    def _take_piece(self, place, octets):
        if self._coming is None:
            return
        if place == self._at:
            if self._at + len(octets) > self._coming[2]:
                self._broken = True
            if not self._broken:
                try:
                    self._copies.files.append(octets)
                    if self._at + len(octets) - self._synced >= SYNC_BYTES:
                        self._copies.files.sync()
                        self._synced = self._at + len(octets)
                except OSError as error:
                    self._broken = True  # END says it
                    self._report("error", FLASH_REFUSED % error)
            self._at += len(octets)
        self._core.wanted(self._at)

    def _end(self, size, digest, kid, key):
        """The copy is read back before it is one."""
        if self._coming is None:
            wipe(key)
            return wire.NONE
        file = self._coming[0].hex()
        try:
            self._copies.files.close()
        except OSError as error:
            self._broken = True
            self._report("error", FLASH_REFUSED % error)
        if self._broken or size != self._at:
            wipe(key)
            broken = self._broken
            self._throw_away()
            return wire.FLASH if broken else wire.WRONG
        self._ending = size, digest, kid, key
        self._piece = bytearray(_PIECE_BYTES)
        self._reading = self._copies.digest(file, self._piece)
        return None

    def _read_back(self):
        status = wire.FLASH
        try:
            for _ in range(PIECES):
                digest = next(self._reading)
                if digest is not None:
                    status = self._keep(digest)
                    break
            else:
                return
        except (RemoteError, LocalError, OSError) as error:
            self._report("error", str(error))
        self._drop_end()
        self._core.answer(self._ticket, bytes((status,)))

    def _keep(self, found):
        size, digest, kid, key = self._ending
        copy, way, _, codec, name = self._coming
        if not equal(found, digest):
            self._throw_away()
            return wire.WRONG
        self._copies.keep(copy, way, self._household, kid, key, size, codec, name)
        self._coming = None
        self._report("copied", "way=%s octets=%d name=%s" % (wire.WAYS[way], size, name))
        return wire.OK

    def _list(self, body):
        names = self._copies.names()
        if len(body) != 2 or body[1] >= len(names):
            return wire.NONE
        copy = self._copies.load(names[body[1]])
        wipe(copy.key)
        return wire.pack_copy(copy.id, copy.way, copy.size, copy.name)

    def _remove(self, name):
        if name not in self._copies.names() and self._copies.files.size(name) is None:
            return wire.NONE
        self._copies.remove(name)
        self._report("copy_removed", name)
        return wire.OK

    # --- inside -----------------------------------------------------------------------------------------------------

    def _leave(self):
        """What is on its way stays as far as it came."""
        self._drop_end()
        if self._coming is not None:
            self._coming = None
            try:
                self._copies.files.close()
            except OSError as error:
                self._report("error", FLASH_REFUSED % error)

    def _begin_anew(self):
        """A provisioning: it is another player now. Its copies stay until a terminal says of which household it is."""
        self._leave()
        self._core.close()
        self._identity = self._terminal.identity()
        self._core = DockPlayer(self._identity, self._terminal.random)

    def _throw_away(self):
        file = self._coming[0].hex()
        self._coming = None
        self._copies.files.remove(file)

    def _drop_end(self):
        if self._ending is not None:
            wipe(self._ending[3])
        if self._reading is not None:
            self._reading.close()
        self._ending = self._reading = self._piece = None


def _told(number, copy):
    return "%d id=%s way=%s codec=%s octets=%d name=%s" % (
        number,
        copy.id.hex(),
        wire.WAYS[copy.way],
        copy.codec,
        copy.size,
        copy.name,
    )
