"""A decoder chip at the far end of a serial line: what boards/unix/board_codec_line.py says is done on its bus."""

from collections.abc import Callable

from testbed.machines.codec.chip import Vs1053
from testbed.machines.codec.direct_bus import DirectBus

_LENGTHS = {ord("R"): 2, ord("B"): 5}


class LineBus:
    """`receive` what the terminal sent, `send` what it is to be told. `now_ns()` is the chip's instant."""

    def __init__(self, codec: Vs1053, now_ns: Callable[[], int]):
        self._codec = codec
        self._now_ns = now_ns
        bus = DirectBus(codec, now_ns)
        self._spi, self._xcs, self._xdcs, _, self._xreset = bus.wires()
        self._in = bytearray()
        self._out = bytearray()
        self._commands = 0
        self._data = 0
        self._told = b""

    def receive(self, data: bytes) -> None:
        """Octets of the line, however they are cut. What means nothing is passed over octet by octet."""
        self._in += data
        while self._in:
            kind = self._in[0]
            length = _LENGTHS.get(kind, 1)
            if kind in b"WE":
                length = 3 + self._in[2] if len(self._in) >= 3 else 3
            if len(self._in) < length:
                return
            message = bytes(self._in[:length])
            del self._in[:length]
            self._do(message)

    def _do(self, message: bytes) -> None:
        kind, rest = message[:1], message[1:]
        if kind == b"R":
            self._xreset(rest[0])
            self._commands += 1
        elif kind == b"B":
            self._spi.init(int.from_bytes(rest, "big"))
        elif kind in (b"W", b"E"):
            select, octets = (self._xdcs if rest[0] else self._xcs), rest[2:]
            back = bytearray(octets)
            select(0)
            self._spi.write_readinto(octets, back)
            select(1)
            if kind == b"E":
                self._out += b"E" + bytes((len(back),)) + back
            elif rest[0]:
                self._data += len(octets)
            else:
                self._commands += 1

    def send(self) -> bytes:
        """What the terminal is to be told now: answers, and how DREQ stands where that has changed."""
        room = self._codec.decoder.room() if self._codec.dreq(self._now_ns()) else 0
        status = b"Q" + room.to_bytes(2, "big") + bytes((self._commands & 0xFF,))
        status += (self._data & 0xFFFFFFFF).to_bytes(4, "big")
        out = bytes(self._out)
        self._out.clear()
        if status != self._told:
            self._told = status
            out += status
        return out
