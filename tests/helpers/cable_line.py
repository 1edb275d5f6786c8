"""Both ends of the cable over a line in memory."""

from settop.link import mux
from settop.link.cable import Cable
from settop.link.channels import CHANNELS
from testbed.line.cable import CableHost, windows

NAMES = [name for name, *_ in CHANNELS]
CONSOLE, MODEM, STREAM = (NAMES.index(name) for name in ("console", "modem", "stream"))
WINDOWS = [window for _, _, window, *_ in CHANNELS]
HOST_WINDOWS = windows(CHANNELS)


class Line:
    """A serial line between the two. `cut(data)` gives the pieces in which it brings what was written."""

    def __init__(self, cut=lambda data: [data]):
        self.cut = cut
        self.inward, self.outward = bytearray(), bytearray()
        self.board = None

    # What the board has.

    def readinto(self, view, count):
        assert len(self.inward) >= count, "the board would wait for ever"
        view[:count] = self.inward[:count]
        del self.inward[:count]
        return count

    def write(self, data, count):
        self.outward += bytes(data[:count])
        return count

    def power_on(self, channels=CHANNELS):
        self.board = Cable(self, self, lambda wait_ms: bool(self.inward), lambda: True, channels)
        return self.board

    def turn(self, host):
        """One round: the host writes, the board reads, the host reads."""
        for piece in self.cut(host.data_to_send()):
            assert 3 not in piece
            self.inward += piece
        while self.board is not None and self.inward and not self.board.mux.receiver.typed:
            self.board.poll()
        data = bytes(self.outward)
        self.outward.clear()
        for piece in self.cut(data):
            host.receive(piece)


class PiecewiseLine(Line):
    """The board's octets come in pieces too: what is not there yet comes while it waits."""

    def __init__(self, rng):
        super().__init__(self._cut)
        self.rng = rng
        self.pending = bytearray()

    def _cut(self, data):
        at = 0
        while at < len(data):
            size = self.rng.choice((1, 2, 5, 64, 249, 250, 1000))
            yield data[at : at + size]
            at += size


class BlockingLine(Line):
    """A board's read beyond what is there waits; the next host's octets end that."""

    def readinto(self, view, count):
        self.inward += bytes(max(0, count - len(self.inward)))
        return super().readinto(view, count)


def attached(line=None, session=5, board_channels=CHANNELS, host_channels=CHANNELS):
    line = line or Line()
    board = line.power_on(board_channels)
    host = CableHost(session, host_channels)
    for _ in range(3):
        line.turn(host)
    assert host.attached and board.mux.session is not None
    host.take("console")
    return line, board, host


def drain(line, limit=1 << 20):
    data = bytearray(limit)
    return bytes(data[: line.readinto(data)]) if line.any() else b""


def good_frame(channel, body, position):
    frame = bytearray(mux.FRAME_BYTES)
    frame[0], frame[1], frame[5], frame[6] = mux.SYNC, channel, position >> 8, position & 0xFF
    total = mux.seal(frame, body, len(body), mux.TABLE)
    mux.hide(frame, total)
    return bytes(frame[:total])
