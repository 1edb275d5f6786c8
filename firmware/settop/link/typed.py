"""The console of a board on one cable: lines in frames, or typed by a person outside of them."""

from settop.link import mux
from settop.link.faces import Line

LINE_BYTES = 600  # the longest console line
CONSOLE_OUT_BYTES = 2048


class Gatherer:
    """Gathers a console line."""

    def __init__(self):
        self._octets = bytearray(LINE_BYTES)
        self._count = 0
        self._whole = 0

    def add(self, octet):
        """True if this octet ended a line, which is then to be taken."""
        if octet != 10 and octet != 13:
            if self._count < LINE_BYTES:
                self._octets[self._count] = octet
            self._count += 1
            return False
        self._whole = self._count
        self._count = 0
        return 0 < self._whole <= LINE_BYTES

    def restart(self):
        self._count = 0

    def take(self):
        return bytes(memoryview(self._octets)[: self._whole])


class TypedReceiver(mux.Receiver):
    """Octets between frames are typed by a person. `typed`: a line of them is whole, in `line`."""

    def __init__(self):
        super().__init__()
        self.line = Gatherer()
        self.typed = False

    def text(self, octets, fresh):
        # Never the octets of a damaged frame: they might be a command. NUL is what a host ends frames with.
        octet = octets[0]
        if octet and fresh and self.line.add(octet):
            self.typed = True


class Console(Line):
    """read_line() and write_line(text), in frames or as plain text."""

    def __init__(self, cable, line):
        super().__init__(cable, line, CONSOLE_OUT_BYTES)
        self._half = Gatherer()
        self._octet = memoryview(bytearray(1))

    def read_line(self):
        """The next whole line without its end, or None. Raises UnicodeError for one that is not UTF-8.

        A line of more than 600 octets is dropped whole.
        """
        cable = self._cable
        inflow = self._inflow
        if not inflow.level:
            cable.poll_few()
        receiver = cable.mux.receiver
        if receiver.typed:
            receiver.typed = False
            typed = receiver.line.take()
            if cable.mux.session is not None:
                for octet in typed:
                    if not 32 <= octet < 127:
                        return None  # rubbish on the line, and nobody who types
                if cable.goes_on():
                    return None
                cable.leave()
            return typed.decode()
        while inflow.level:
            inflow.readinto(self._octet)
            if self._half.add(self._octet[0]):
                return self._half.take().decode()
        return None

    def write_line(self, text):
        """Send one line, or drop it whole where it finds no room to wait in, or a host without a console."""
        cable = self._cable
        line = text.encode() + b"\r\n"
        if cable.mux.session is None:
            cable.say(line)
        elif len(line) > self._waiting.room() or not cable.mux.carries(self._line):
            cable.lost += len(line)
        else:
            taken = 0 if self._waiting.level else cable.send(self._line, line)
            self._waiting.put(memoryview(line)[taken:])
            cable.queued = True

    def restart(self):
        """Forget the half of a line that was said; what waits to be sent is for the new host as well."""
        self._half.restart()
