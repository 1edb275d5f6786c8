"""The board's end of the cable: all of its lines (settop.link.channels) over one serial line, MicroPython's USB port.

How a board uses it where LINK is "cable":

    from settop.link.cable import usb_cable

    _cable = usb_cable()  # once, when the board is imported
    modem(): return _cable.modem
    tuner_and_output(): return _cable.tuner, _cable.output
    Console(): return _cable.console
    idle(idle_ms): _cable.idle(idle_ms)  # not time.sleep_ms: it ends as soon as something comes

Before a host has said hello the console is plain text, for a person with a terminal program; a line typed outside
frames ends a session. Octet 03 never comes inside a frame, so Ctrl-C always raises KeyboardInterrupt and leads to the
REPL, in the middle of a frame too.
"""

from settop.errors import LocalError
from settop.link import mux
from settop.link.channels import CHANNELS, CONSOLE
from settop.link.faces import Line, Sink, Source
from settop.link.mux_kernels import missing, unseal
from settop.link.typed import Console, TypedReceiver

TYPED_MS = 5  # behind the end of a typed line nothing comes for so long
LINE_ENDS = 4
BATCH_BYTES = 4096  # taken in at once: about 35 ms of an RP2040's time
FEW_BYTES = 1024
# Once for each frame, so by a name of this module's own, which MicroPython finds sooner.
_SYNC = mux.SYNC
_HEADER_BYTES = mux.HEADER_BYTES
_BEHIND_SYNC_BYTES = mux.HEADER_BYTES - 1
_TABLE = mux.TABLE


def usb_cable(channels=CHANNELS):
    """The Cable on sys.stdin and sys.stdout, with these channels."""
    import select
    import sys

    incoming = select.poll()
    incoming.register(sys.stdin, select.POLLIN)
    outgoing = select.poll()
    outgoing.register(sys.stdout, select.POLLOUT)

    # ipoll, because poll makes a list each time.
    def readable(wait_ms):
        for _ in incoming.ipoll(wait_ms):
            return True
        return False

    def writable():
        for _ in outgoing.ipoll(0):
            return True
        return False

    return Cable(sys.stdin.buffer, sys.stdout.buffer, readable, writable, channels)


class Cable:
    """`modem`, `tuner`, `output`, `console`: what a board's lines have to be (boards/README.md), by the names that
    `channels`, rows of settop.link.channels, give them. A channel of two names is a Source and a Sink, others a Line.

    reader.readinto(view, count) waits for all of `count` octets; fewer say that the line is closed, which ends the
    program. writer.write(buffer, count) gives the number of octets written. readable(wait_ms) says whether an octet is
    there or comes within that time, writable() whether there is room for one.

    `mux`: the core with its counters. `lost`: octets of lines that wait, which found no room to do so. LocalError for
    channels without a console, or that Mux refuses.
    """

    def __init__(self, reader, writer, readable, writable, channels=CHANNELS):
        if CONSOLE not in [channel[0] for channel in channels]:
            raise LocalError("a cable without a console, which is what is said on it in plain text")
        letters = "".join([channel[1] for channel in channels])
        self.mux = mux.Mux(letters, [channel[2] for channel in channels], TypedReceiver())
        self.lost = 0
        self._lines = []  # on which something may wait
        for line, (name, _, window, inward, outward) in enumerate(channels):
            if inward != outward:
                setattr(self, inward, Source(self, line, window))
                setattr(self, outward, Sink(self, line))
            else:
                self._lines.append(Console(self, line) if name == CONSOLE else Line(self, line))
                setattr(self, inward, self._lines[-1])
        self._read = reader.readinto
        self._write = writer.write
        self._readable = readable
        self._writable = writable
        view = self.mux.receiver.view
        self._behind_sync, self._behind_header = view[1:], view[mux.HEADER_BYTES :]
        self._out_view = memoryview(self.mux.out)
        self._sent = self._total = 0  # of the frame in mux.out
        self._careful = False  # the host was seen not to read: write octet by octet
        self._welcome_due = False
        self._noticed = False
        self.queued = False  # lines have something to send
        self._notice()

    def idle(self, idle_ms):
        """Wait until something comes, so long at most."""
        self._readable(idle_ms)

    def poll(self, budget=BATCH_BYTES):
        """Take in what has come, about `budget` octets at most, and send what waits and may go."""
        receiver = self.mux.receiver
        while budget > 0 and not receiver.typed and self._readable(0):
            budget -= self._take_in(receiver, budget)
        if self._welcome_due or self._sent < self._total:
            self._clear()
        if self.mux.asked:
            for line in range(len(self.mux.inflows)):
                if self.mux.carries(line) and self._clear():
                    self._put(self.mux.build(line, self.mux.out, 0, 0))
        if (self.mux.asked or self.mux.credit_due()) and self._clear():
            self._put(self.mux.control(mux.CREDIT))
        if self.queued:
            self.queued = False
            for one in self._lines:
                one.flush()

    def poll_few(self):
        """As `poll`, for a line that brings little."""
        self.poll(FEW_BYTES)

    def _take_in(self, receiver, budget):
        """One frame, or an octet that belongs to none; behind something damaged more. Returns the number of octets."""
        frame = receiver.frame
        read = self._read
        if not receiver.have:
            if read(frame, 1) != 1:
                raise SystemExit
            if frame[0] != _SYNC:
                receiver.text(frame, True)
                return 1
            if read(self._behind_sync, _BEHIND_SYNC_BYTES) != _BEHIND_SYNC_BYTES:
                raise SystemExit
            length = missing(frame)
            if not length:
                receiver.have = _HEADER_BYTES
            else:
                if read(self._behind_header, length) != length:
                    raise SystemExit
                length += _HEADER_BYTES
                if unseal(frame, length, _TABLE):
                    receiver.total = length
                    kind = self.mux.handle()
                    if kind:
                        self._act(kind, frame)
                    return length
                receiver.have = length
        # Behind something damaged: frames may be anywhere in what is here, and end anywhere. So nothing waits.
        taken = receiver.have
        while True:
            while receiver.ready():
                kind = self.mux.handle()
                if kind:
                    self._act(kind, frame)
                receiver.done()
            have = receiver.have
            if not have or taken >= budget or not self._readable(0):
                return taken
            if read(receiver.view[have:], 1) != 1:
                raise SystemExit
            receiver.have = have + 1
            taken += 1

    def _act(self, kind, frame):
        core = self.mux
        at = mux.PAYLOAD
        if kind == mux.HELLO:
            core.restart(frame[at + 2] << 8 | frame[at + 3])
            core.join()
            for line in self._lines:
                line.restart()
            self._welcome_due = True
            self._noticed = False
        elif kind == mux.FOREIGN:
            self._notice()  # this says our version
        else:
            core.refused += 1
            if kind == mux.STRAY and not self._noticed:
                self._notice()

    def goes_on(self):
        """Whether something follows the line that seems to be typed: behind a lost header, at least the FCS does."""
        receiver = self.mux.receiver
        for _ in range(LINE_ENDS):
            if receiver.have:
                break
            if not self._readable(TYPED_MS):
                return False
            if self._read(receiver.frame, 1) != 1:
                raise SystemExit
            if receiver.frame[0] not in b"\r\n":
                receiver.have = 1
        return True

    def leave(self):
        """End the session: somebody types."""
        self.mux.session = None
        self._welcome_due = False
        self._sent = self._total
        self._notice()

    def _notice(self):
        self._noticed = self.say(mux.NOTICE)

    def say(self, text):
        """Write plain text; True if all of it is out.

        What finds no room is dropped, as a whole if not even its first octet does. A write would wait half a second for
        room when an open port is not read, and a poll tells of room for one octet: so they go one by one.
        """
        view = memoryview(text)
        for at in range(len(view)):
            if not self._writable():
                return False
            self._write(view[at : at + 1], 1)
        return True

    def send(self, line, data):
        """Send what credit and the USB driver allow; returns the number of octets."""
        core = self.mux
        at = 0
        end = min(core.room(line), len(data))
        while at < end:
            count = min(end - at, mux.MAX_PAYLOAD_BYTES)
            if not self._clear():
                break
            self._put(core.build(line, data, at, count))
            at += count
        return at

    def _clear(self):
        """Whether the next frame may be built."""
        if self._sent < self._total:
            self._push()
            if self._sent < self._total:
                return False
        if not self._writable():
            return False
        if self._welcome_due:
            self._welcome_due = False
            self._put(self.mux.control(mux.WELCOME))
            return self._sent == self._total and self._writable()
        return True

    def _put(self, total):
        """Write the frame that was built. What a host does not take stays for the next time."""
        self._sent = 0
        self._total = total
        if not self._careful:
            self._sent = self._write(self.mux.out, total) or 0
            self._careful = self._sent < total  # that cost up to a second
        else:
            self._careful = False
            self._push()

    def _push(self):
        while self._sent < self._total:
            if not self._writable() or not self._write(self._out_view[self._sent : self._sent + 1], 1):
                self._careful = True
                return
            self._sent += 1
