"""The host's end of the cable (settop.link.mux, docs/protocols/cable.md), without IO.

`CableHost` stands between one serial line and the bench's own: give it what the line brings, write what it has to
send, whole and in order. Data for the board waits here until the board has granted room for it.
"""

import secrets

from settop.errors import LocalError
from settop.link import mux
from settop.link.channels import CONSOLE
from settop.link.mux_kernels import seal
from settop.link.network import CHANNELS

WINDOW_BYTES = 4096
"""How far the board may send ahead of `take` on a line, but for WIDER."""
WIDER = {"stream": 32_000, "console": 8192}
Channel = tuple[str, str, int, str, str]
"""A row of settop.link.network.CHANNELS, which has all that there are: name, letter, the board's window, line to the
board, line from it."""
WAITING_LIMIT_BYTES = 1 << 20
"""What waits here for the board on each line. More is lost, as on a serial line that nobody reads."""
TAKEN_LIMIT_BYTES = 1 << 20
"""What waits to be taken on each line, the latest: plain text knows no credit, and new sessions bring new credit."""

_NOTICE = mux.NOTICE.rsplit(b" ", 1)[0] + b" "
_NOTICE_LIMIT_BYTES = len(_NOTICE) + 8
_PROMPT = b"\n>>> "
_SHORT = b"y\x00\x00z\x00\x00"
"""Two channels of nobody: a hello of this length is one to a board of version 1 too, and makes it say its version."""
_REPL_KEYS = frozenset(b"\x01\x02\x03\x04\x05\r\n")


def windows(channels: tuple[Channel, ...]) -> list[int]:
    """What the host holds of each channel that comes from a board, in octets."""
    return [WIDER.get(name, WINDOW_BYTES) for name, *_ in channels]


class CableHost:
    """One board on one cable.

    session: the first session's number, random if None; give one where a run must repeat. channels: what this end has;
    which of them the board has, too, it says itself (`carries`). LocalError where Mux refuses them.

    The first octets to send end whatever frame another host had begun, and say hello. A board that says that it has
    started is said hello to again by itself: what was on its way to it is lost then, what still waits here is not.

    `attached`: the board has answered, so data flows. `prompted`: it fell to its REPL, where what we send would be
    typed; it is said hello to when it has started again. `problem`: why it does not answer as it is, else "".

    Counters: `sessions`, and of what came from the board `damaged` and `resyncs` (see settop.link.mux.Receiver),
    `refused` (no credit, or no sense), `lost` (octets of frames that never came). `unsent`: octets given to `send` that
    found no room to wait in.
    """

    def __init__(self, session: int | None = None, channels: tuple[Channel, ...] = CHANNELS) -> None:
        self._number = secrets.randbelow(0x10000) if session is None else session & 0xFFFF
        self._receiver = _Receiver()
        self._mux = mux.Mux("".join(letter for _, letter, *_ in channels), windows(channels), self._receiver)
        self._inputs = {to_board: line for line, (*_, to_board, _) in enumerate(channels)}
        self._outputs = {from_board: line for line, (*_, from_board) in enumerate(channels)}
        self._waiting = {line: bytearray() for line in self._inputs}
        self._taken = {line: bytearray() for line in (*self._outputs, CONSOLE)}
        self._text = bytearray()  # may be the beginning of a notice
        self._tail = b""
        self._out = bytearray()
        self.attached = False
        self.prompted = False
        self.problem = ""
        self.sessions = 0
        self.unsent = 0
        self._repeat = False  # tell the board its credit again
        self._unanswered = False  # a hello has left
        self._hello()

    def restart(self) -> None:
        """Say hello anew: the port was opened again, or the board has not answered for long."""
        self.quiet()
        self._hello()

    def quiet(self) -> None:
        """Nothing has come for a while: the rest of a frame will not, so let its octets be seen as text.

        And what was sent last may be lost, data or credit: the board is told where we are, which makes it tell us, too.
        """
        while self._receiver.give_up():
            self._frames()
        self._say(bytes(self._text))
        self._text.clear()
        self._repeat = True

    def receive(self, data: bytes) -> None:
        """Take in what the line brought. Nothing that comes raises."""
        receiver, view, at = self._receiver, memoryview(data), 0
        while at < len(view):
            count = min(receiver.missing, len(view) - at)
            receiver.view[receiver.have : receiver.have + count] = view[at : at + count]
            receiver.have += count
            at += count
            self._frames()

    def send(self, line: str, data: bytes) -> None:
        """Queue `data` for the board. LocalError: no such line."""
        if line not in self._inputs:
            raise LocalError(f"no line {line!r} into the cable, expected one of {', '.join(self._inputs)}")
        waiting = self._waiting[line]
        taken = min(len(data), WAITING_LIMIT_BYTES - len(waiting))
        waiting += data[:taken]
        self.unsent += len(data) - taken

    def carries(self, line: str) -> bool:
        """Whether the board is attached and has this line; if not, what is sent on it waits. LocalError: none such."""
        number = self._inputs.get(line, self._outputs.get(line))
        if number is None:
            raise LocalError(f"no line {line!r} on the cable, expected one of {', '.join(self._inputs)}")
        return self.attached and bool(self._mux.carries(number))

    def waiting(self, line: str) -> int:
        """Octets that have not been sent for want of credit or session."""
        return len(self._waiting[line])

    def drop_waiting(self) -> None:
        """Forget what has not been sent."""
        for waiting in self._waiting.values():
            waiting.clear()

    def take(self, line: str) -> bytes:
        """All that came on a line since the last take; the board is granted room for as much. LocalError: no such line.

        Of the console also what the board wrote as plain text: before hello, at its REPL, a traceback.
        """
        if line not in self._taken:
            raise LocalError(f"no line {line!r} out of the cable, expected one of {', '.join(self._taken)}")
        self._drain(line)
        data = bytes(self._taken[line])
        self._taken[line].clear()
        return data

    def data_to_send(self) -> bytes:
        """Whole frames for the line, as far as there is credit."""
        core, out = self._mux, self._out
        if self.attached:
            if self._repeat:
                for line in self._inputs.values():
                    if core.carries(line):
                        out += self._hidden(core.build(line, b"", 0, 0))
            if self._repeat or core.credit_due():
                self._repeat = False
                out += self._hidden(core.control(mux.CREDIT))
            for name, line in self._inputs.items():
                waiting, at = self._waiting[name], 0
                while count := min(core.room(line), len(waiting) - at, mux.MAX_PAYLOAD_BYTES):
                    out += self._hidden(core.build(line, waiting, at, count))
                    at += count
                del waiting[:at]
        elif out:
            self._unanswered = True
        data = bytes(out)
        out.clear()
        return data

    @property
    def damaged(self) -> int:
        return self._receiver.damaged

    @property
    def resyncs(self) -> int:
        return self._receiver.resyncs

    @property
    def refused(self) -> int:
        return self._mux.refused

    @property
    def lost(self) -> int:
        return sum(inflow.lost for inflow in self._mux.inflows)

    # --- inside ---------------------------------------------------------------------------------------------------

    def _hello(self) -> None:
        core = self._mux
        for line in self._outputs:
            self._drain(line)
        self.attached = self.prompted = self._repeat = False
        self._out.clear()
        self._out += mux.IDLE
        for _ in range(0x10000):
            self._number = (self._number + 1) & 0xFFFF
            core.restart(self._number)
            frames = self._short_hello() if self._unanswered else b""
            frames += self._hidden(core.control(mux.HELLO))
            if _REPL_KEYS.isdisjoint(frames):  # a board that is at its REPL instead takes no harm
                break
        else:
            raise LocalError("a window in which there is an octet that a REPL acts on")
        self._out += frames

    def _short_hello(self) -> bytes:
        message = b"%c%c%c%c" % (mux.HELLO, mux.VERSION, self._number >> 8, self._number & 0xFF) + _SHORT
        out = self._mux.out
        out[1], out[5], out[6] = mux.CONTROL, 0, 0
        return self._hidden(seal(out, message, len(message), mux.TABLE))

    def _hidden(self, total: int) -> bytes:
        mux.hide(self._mux.out, total)
        return bytes(self._mux.out[:total])

    def _drain(self, line: str) -> None:
        if line not in self._outputs:
            return  # a console that comes as plain text alone
        inflow = self._mux.inflows[self._outputs[line]]
        data = bytearray(inflow.level)
        inflow.readinto(data)
        taken = self._taken[line]
        taken += data
        del taken[:-TAKEN_LIMIT_BYTES]

    def _frames(self) -> None:
        receiver = self._receiver
        while receiver.ready():
            self._read_text()
            self._handle(receiver.frame)
            receiver.done()
        self._read_text()

    def _handle(self, frame: bytearray) -> None:
        core, at = self._mux, mux.PAYLOAD
        if self.attached or (frame[1] == mux.CONTROL and frame[at] == mux.WELCOME):
            kind = core.handle()
            if kind == mux.WELCOME and (frame[at + 2] << 8 | frame[at + 3]) == self._number and not self.attached:
                core.join()
                self.attached, self._unanswered = True, False
                self.sessions += 1
            self._drain(CONSOLE)  # at once, to keep its place in the plain text
        elif self.prompted:
            refused = core.refused
            if not core.handle() and core.refused == refused:
                # This session goes on, so the prompt was none: some damaged frame's octets looked like one.
                self.attached, self.prompted = True, False
                self._drain(CONSOLE)
        # Else it is of the session before.

    def _read_text(self) -> None:
        for octet in self._receiver.octets:
            self._text.append(octet)
            while self._text and not self._begins_notice():
                self._say(self._text[:1])
                del self._text[0]
            if self._text.endswith(b"\n"):
                version = bytes(self._text[len(_NOTICE) :]).strip()
                self._text.clear()
                self._on_notice(version)
        self._receiver.octets.clear()

    def _begins_notice(self) -> bool:
        return _NOTICE.startswith(self._text) or (
            self._text.startswith(_NOTICE) and len(self._text) <= _NOTICE_LIMIT_BYTES
        )

    def _on_notice(self, version: bytes) -> None:
        if version == b"%c" % mux.VERSION:
            self.problem = ""
            self._unanswered = False
            self._hello()
        else:
            said = repr(version)[2:-1]  # whatever it is, no control characters come along
            newer = version.isdigit() and int(version) > int(chr(mux.VERSION))
            remedy = "update ringcast here" if newer else "flash it anew: ./ringcast flash --board NAME --port PORT"
            self.problem = f"the board speaks version {said} of the cable, expected {mux.VERSION:c}; {remedy}"

    def _say(self, text: bytes | bytearray) -> None:
        """Plain text of the board, octet by octet."""
        console = self._taken[CONSOLE]
        console += text
        self._tail = (self._tail + text)[-len(_PROMPT) :]
        if self._tail == _PROMPT and self.attached:
            self.attached, self.prompted = False, True
        del console[:-TAKEN_LIMIT_BYTES]


class _Receiver(mux.Receiver):
    """Keeps the octets between frames, also of what was taken for a frame and is none: a REPL may say anything."""

    def __init__(self) -> None:
        super().__init__()
        self.octets = bytearray()

    def text(self, octets: memoryview, fresh: bool) -> None:
        self.octets += octets
