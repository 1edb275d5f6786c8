"""What both ends of the dock have in common: octets in and out, messages, the state table, what happened."""

from settop.errors import RemoteError
from settop.link.hdlc import Deframer, encode
from settop.states import row_of


class End:
    """One end, without IO, clock or randomness of its own. Who it is has `_take(message)`, `_forget()` and
    the actions of the table."""

    def __init__(self, table):
        self._table = table
        self.state = "alone"
        self.refused = 0
        self._deframer = Deframer()
        self._damaged = 0
        self._out = bytearray()
        self._events = []
        self._contact = None
        self._now_ms = 0

    def receive(self, data, now_ms):
        """Octets from the line."""
        self._now_ms = now_ms
        for message in self._deframer.feed(data):
            try:
                self._take(message)
            except RemoteError as error:
                self._refuse(str(error))
        if self._deframer.damaged != self._damaged:
            self._damaged = self._deframer.damaged
            self._refuse("a frame that is damaged")

    def next_event(self):
        return self._events.pop(0) if self._events else None

    def data_to_send(self):
        """What has to go out, as bytes."""
        out = bytes(self._out)
        self._out = bytearray()
        return out

    def close(self):
        """It is over: the contact's keys are wiped."""
        self._forget()
        self.state = "alone"

    def _take(self, message):
        """A message of the other end. Raises RemoteError."""

    def _forget(self):
        """Wipes the contact's keys."""

    def _move(self, given):
        row = row_of(self._table, self.state, given)
        if row is None:
            raise RemoteError("%s while %s" % (given, self.state))
        self.state = row[3]
        getattr(self, row[2])()

    def _send(self, message):
        self._out.extend(encode(message))

    def _refuse(self, why):
        self.refused += 1
        if len(self._events) < 8:
            self._events.append(("refused", why))
