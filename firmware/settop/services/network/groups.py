"""Groups that the console joined (multicast): each datagram is told by length and hash. IP_ADD_MEMBERSHIP is all that a
service has to say; the board's network_up() does the rest."""

import hashlib

from settop.errors import LocalError
from settop.net.sockets import is_ready

MAX_GROUPS = 4
MAX_OCTETS = 1472  # of a datagram
TOLD = 8  # datagrams of each in a second, by a line of its own; one more line counts the rest
_DATAGRAMS = 4  # read in a step, from each


class Groups:
    """sockets: settop.net.sockets. report(event, text): tells the viewer."""

    def __init__(self, sockets, report):
        self._sockets = sockets
        self._report = report
        # [group, port, datagrams, socket, its watch, told in this second, not told]; no socket while there is no link
        self._joined = []
        self._due_ms = None  # the end of a second in which something was told

    def __len__(self):
        return len(self._joined)

    def join(self, group, port):
        """Raises LocalError where it is joined, for one too many, and where no socket is left."""
        if self._find(group, port) is not None:
            raise LocalError("that group is joined already")
        if len(self._joined) >= MAX_GROUPS:
            raise LocalError("%d groups are joined; leave one" % MAX_GROUPS)
        entry = [group, port, 0, None, None, 0, 0]
        try:
            self._open(entry)
        except (OSError, ValueError) as error:
            self._close(entry)
            raise LocalError("the group cannot be joined: %s" % error)
        self._joined.append(entry)
        self._report("joined", "group=%s port=%d" % (group, port))

    def leave(self, group, port):
        """Raises LocalError where it is not joined."""
        entry = self._find(group, port)
        if entry is None:
            raise LocalError("that group is not joined")
        self._joined.remove(entry)
        self._close(entry)
        self._tell_left(entry)

    def up(self):
        """There is a link, another one perhaps, which knows of no group."""
        for entry in list(self._joined):
            self._close(entry)
            try:
                self._open(entry)
            except (OSError, ValueError):
                self._joined.remove(entry)
                self._close(entry)
                self._tell_left(entry)

    def down(self):
        """The link is gone; what was joined is joined again when there is one."""
        for entry in self._joined:
            self._close(entry)

    def leave_all(self):
        """Nobody wants the network any more."""
        self.down()
        while self._joined:
            self._tell_left(self._joined.pop())

    def step(self, now_ms):
        """After each step of the link: a UDP socket keeps one unread datagram. Returns when it wants to be called again
        at the latest, or None."""
        if self._due_ms is not None and now_ms >= self._due_ms:
            self._due_ms = None
            for entry in self._joined:
                self._tell_rest(entry)
                entry[5] = 0
        for entry in self._joined:
            for _ in range(_DATAGRAMS):
                if entry[3] is None or not is_ready(entry[4]):
                    break
                try:
                    data = entry[3].recvfrom(MAX_OCTETS)[0]
                except (OSError, MemoryError):
                    break
                entry[2] += 1
                if self._due_ms is None:
                    self._due_ms = now_ms + 1000
                if entry[5] >= TOLD:
                    entry[6] += 1
                    continue
                entry[5] += 1
                digest = hashlib.sha256(data).digest().hex()
                self._report("datagram", "group=%s octets=%d sha256=%s" % (entry[0], len(data), digest))
        return self._due_ms

    # --- inside -------------------------------------------------------------------------------------------------------

    def _find(self, group, port):
        for entry in self._joined:
            if entry[:2] == [group, port]:
                return entry
        return None

    def _tell_rest(self, entry):
        if entry[6]:
            self._report("datagrams", "group=%s untold=%d" % (entry[0], entry[6]))
            entry[6] = 0

    def _tell_left(self, entry):
        self._tell_rest(entry)
        self._report("left", "group=%s port=%d datagrams=%d" % (entry[0], entry[1], entry[2]))

    def _open(self, entry):
        sockets = self._sockets
        line = entry[3] = sockets.datagrams()
        line.bind(sockets.address(entry[0], entry[1]))  # what is sent to the board itself is another matter
        sockets.membership(line, entry[0], True)
        entry[4] = sockets.watch(line)

    def _close(self, entry):
        line = entry[3]
        if line is None:
            return
        entry[3] = entry[4] = None
        try:
            self._sockets.membership(line, entry[0], False)
        except (OSError, ValueError):
            pass  # it was never joined, or the link is gone
        line.close()
