"""A VS1053b decoder chip (VLSI Solution, datasheet 1.22) behind the board's SPI: octets go in, sound comes out.

Nothing here waits, and nothing is allocated while a title is played. `step` moves what takes the chip time: its start,
the end of a title, the end of one in the middle. The state table is `states.py`; docs/codec.md has the rest.
"""

from settop.codec.kernels import copy
from settop.codec.states import TABLE
from settop.states import row_of

_MODE, _STATUS, _CLOCKF, _DECODE_TIME, _AUDATA, _WRAM, _WRAMADDR, _HDAT1, _VOL = 0, 1, 3, 4, 5, 6, 7, 9, 11
_SM_CANCEL = 8
_VERSION = 4  # SS_VER of a VS1053
_END_FILL_BYTE = 0x1E06
_CLOCK = 0x8800  # 3.5 times the crystal, 1.0 more where the decoder wants it: the datasheet's own choice
_SLOW_BAUD = 1600000  # reads before that: 12.288 MHz / 7 at most
_FAST_BAUD = 6000000  # and after it: 43 MHz / 7
_PIECE_BYTES = 32  # what DREQ promises room for
_FILL_BYTES = 2052
_START_MS = 100
_CANCEL_BYTES = 2048  # if SM_CANCEL is still set after so many octets or one second, the chip hangs
_CANCEL_MS = 1000
_PLAY_OUT_MS = 10000  # a full FIFO at 8 kbit/s takes 2 s


class Vs1053:
    """`wires`: what board.codec() gives. `state` is one of those in `states.py`; `resets` counts its starts.

    `start()` first, then `step(now_ms)` in every turn; when `state` is "ready" it takes octets.
    """

    def __init__(self, wires):
        self._spi, self._xcs, self._xdcs, self._dreq, self._xreset = wires
        self.state = "off"
        self.paused = False
        self.resets = 0
        self._piece = bytearray(_PIECE_BYTES)
        view = memoryview(self._piece)
        self._tails = (view[:16], view[16:24], view[24:28], view[28:30], view[30:31])  # any number of octets below 32
        self._command = bytearray(4)
        self._fill_octet = 0
        self._left = 0  # fill octets that are still to go
        self._due_ms = None
        self._limit_ms = 0  # until when it may take, from the next step on

    def start(self):
        """Resets the chip. Also after `failed`."""
        self._given("start")

    def write(self, octets, start=0, end=None):
        """Takes octets[start:end] as far as the chip has room and gives how many that are: 0 when it is full, paused or
        not ready. Takes 2,048 octets at most in one go, in which DREQ is asked for each 32."""
        if self.state != "ready" or self.paused:
            return 0
        if end is None:
            end = len(octets)
        return self._feed(octets, start, end)

    def pause(self):
        """Takes nothing any more: what is in the chip (2,048 octets, some frames) is played, then there is silence."""
        self.paused = True

    def resume(self):
        self.paused = False

    def finish(self):
        """The title was given whole: it is played to its last sample, then `state` is "ready" again (10.5.1)."""
        self._given("finish")

    def cancel(self):
        """Ends the title within a frame or two (10.5.2); then `state` is "ready" again. A pause is over, too."""
        self.paused = False
        self._given("cancel")

    def step(self, now_ms):
        """Goes on with what takes time. Returns when it is to be called again at the latest, or None."""
        state = self.state
        if state in ("off", "failed", "ready"):
            return None
        if self._due_ms is None:
            self._due_ms = now_ms + self._limit_ms
        if self._dreq():
            self._go_on(state, now_ms)
        if self._due_ms is not None and now_ms >= self._due_ms and self.state == state:
            self._given("late")
        return None if self.state in ("failed", "ready") else now_ms + 1

    def _go_on(self, state, now_ms):
        """DREQ is high."""
        if state in ("resetting", "clocking"):
            self._given("dreq")
        elif state in ("ending", "filling"):
            sent = self._send_fill(self._left)
            self._left -= sent
            if sent:
                self._due_ms = now_ms + self._limit_ms
            if not self._left:
                self._given("filled")
        elif not self._read(_MODE) & _SM_CANCEL:
            self._given("cleared")
        else:
            # The datasheet would have the title go on until then; what it reads of this it throws away.
            self._left -= self._send_fill(min(self._left, _PIECE_BYTES))
            if not self._left:
                self._given("late")

    # What is asked of it. Not in the middle of a start, where the chip does not answer.

    def volume(self, left, right):
        """Attenuation in half decibels, 0 to 254, where 254 is silence. A start sets it to 0."""
        self._write(_VOL, left << 8 | right)

    def rate(self):
        """Hz of what is decoded, an even number; 8,000 before anything was."""
        return self._read(_AUDATA) & 0xFFFE

    def seconds(self):
        """Whole seconds of sound decoded since the start, or since `set_seconds`; modulo 65,536."""
        return self._read(_DECODE_TIME)

    def set_seconds(self, seconds):
        """Twice, for the chip may be about to write it itself (9.6.5)."""
        self._write(_DECODE_TIME, seconds)
        self._write(_DECODE_TIME, seconds)

    def format(self):
        """SCI_HDAT1: 0 where the chip has recognised nothing, else what it is decoding (9.6.9)."""
        return self._read(_HDAT1)

    # Actions of the table.

    def _reset(self):
        self.resets += 1
        self._spi.init(baudrate=_SLOW_BAUD)
        self._xcs(1)
        self._xdcs(1)
        self._xreset(0)
        self._xreset(1)
        self._limit_ms = _START_MS

    def _identify(self):
        if self._read(_STATUS) >> 4 & 15 != _VERSION:
            return "failed"
        self._write(_CLOCKF, _CLOCK)
        self._limit_ms = _START_MS
        return None

    def _speed_up(self):
        self._spi.init(baudrate=_FAST_BAUD)

    def _fill(self):
        self._write(_WRAMADDR, _END_FILL_BYTE)
        self._fill_octet = self._read(_WRAM) & 0xFF
        self._left = _FILL_BYTES
        self._limit_ms = _PLAY_OUT_MS

    def _cancel(self):
        self._write(_MODE, self._read(_MODE) | _SM_CANCEL)
        self._left = _CANCEL_BYTES
        self._limit_ms = _CANCEL_MS

    def _given(self, event):
        row = row_of(TABLE, self.state, event)
        if row is None:
            return
        self._due_ms = None
        instead = getattr(self, row[2])() if row[2] else None
        self.state = instead or row[3]

    # The bus.

    def _feed(self, octets, start, end):
        dreq = self._dreq
        spi = self._spi
        piece = self._piece
        at = start
        self._xdcs(0)
        while at < end and dreq():
            if end - at >= _PIECE_BYTES:
                copy(octets, at, piece, _PIECE_BYTES)
                spi.write(piece)
                at += _PIECE_BYTES
            else:
                at = self._feed_tail(octets, at, end)
        self._xdcs(1)
        return at - start

    def _feed_tail(self, octets, at, end):
        """Fewer than 32, without a slice: in views of 16, 8, 4, 2 and 1 octet that are there already."""
        for view in self._tails:
            if end - at >= len(view):
                copy(octets, at, view, len(view))
                self._spi.write(view)
                at += len(view)
        return at

    def _send_fill(self, count):
        piece = self._piece
        sent = 0
        while sent < count and self._dreq():
            for i in range(_PIECE_BYTES):
                piece[i] = self._fill_octet
            size = min(_PIECE_BYTES, count - sent)
            self._xdcs(0)
            if size == _PIECE_BYTES:
                self._spi.write(piece)
            else:
                self._spi.write(bytes(memoryview(piece)[:size]))
            self._xdcs(1)
            sent += size
        return sent

    def _write(self, address, value):
        command = self._command
        command[0] = 2
        command[1] = address
        command[2] = value >> 8
        command[3] = value & 0xFF
        self._xcs(0)
        self._spi.write(command)
        self._xcs(1)

    def _read(self, address):
        command = self._command
        command[0] = 3
        command[1] = address
        command[2] = command[3] = 0
        self._xcs(0)
        self._spi.write_readinto(command, command)
        self._xcs(1)
        return command[2] << 8 | command[3]
