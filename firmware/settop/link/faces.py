"""The lines of a board on one cable, as a UART's would be. All but the console, which is settop.link.typed's."""

from settop.ring import ByteRing

WAITING_BYTES = 1024


class Line:
    """any(), readinto(view), write(data); what it sends waits for credit, up to `waiting_bytes`."""

    def __init__(self, cable, line, waiting_bytes=WAITING_BYTES):
        self._cable = cable
        self._line = line
        self._inflow = cable.mux.inflows[line]
        self._waiting = ByteRing(waiting_bytes)
        self._sink = Sink(cable, line)

    def any(self):
        if not self._inflow.level:
            self._cable.poll_few()
        return self._inflow.level

    def readinto(self, view):
        return self._inflow.readinto(view)

    def write(self, data):
        """Send or keep `data`. Without a host that has this line it is lost, as where nothing is plugged in."""
        cable = self._cable
        if not cable.mux.carries(self._line):
            return len(data)
        taken = 0 if self._waiting.level else cable.send(self._line, data)
        rest = memoryview(data)[taken:]
        if not self._waiting.put(rest):
            cable.lost += len(rest)
        cable.queued = True
        return len(data)

    def restart(self):
        """Forget what waits. Nothing new is made: a host may say hello as often as it likes."""
        self._waiting.level = 0

    def flush(self):
        if self._waiting.level:
            self._waiting.drain(self._sink)
            if self._waiting.level:
                self._cable.queued = True


class Source:
    """any(), readinto(view) of a line on which octets come in bulk."""

    def __init__(self, cable, line, window):
        self._cable = cable
        self._inflow = cable.mux.inflows[line]
        self._few = window // 2

    def any(self):
        if self._inflow.level < self._few:
            self._cable.poll()
        return self._inflow.level

    def readinto(self, view):
        return self._inflow.readinto(view)


class Sink:
    """write(view) to a line gives the number of octets taken: nothing waits."""

    def __init__(self, cable, line):
        self._cable = cable
        self._line = line

    def write(self, view):
        return self._cable.send(self._line, view)
