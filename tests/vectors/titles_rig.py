"""A terminal that plays titles: its files, decoder chip and network do as the test says."""

import io

from app_rig import KEY as DEVICE_KEY
from app_rig import provisioned_board, start
from codec_rig import Wires
from network_rig import Bench as NetworkBench
from network_rig import NetworkBoard, lines_of
from settop.crypto.hkdf import hkdf
from settop.crypto.keywrap import wrap
from settop.wire import licence
from title_vectors import CBCS, CENC, CLEAR, KEY, KID

TERMINAL_ID = b"terminal"  # provisioned_board's

OVER = ("title_ended", "title_failed", "title_dark", "title_stopped", "error")


def licence_for(terminal_id=TERMINAL_ID, device_key=DEVICE_KEY, kid=KID, key=KEY):
    """The console line."""
    kek = hkdf(device_key, b"", licence.info_of(terminal_id), licence.KEK_BYTES)
    return licence.pack_command(wrap(kek, kid + key))


class TitleBoard(NetworkBoard):
    """`titles`: its files; `chip`: codec_rig.Wires, or None. opened: how often a file was opened."""

    def __init__(self, state="down"):
        super().__init__(state)
        self.titles = {"clear": CLEAR, "cenc": CENC, "cbcs": CBCS}
        self.chip = Wires()
        self.chip.clears = 32

    def open(self, path, mode):
        if path not in self.titles:
            raise OSError(2)
        return io.BytesIO(self.titles[path])

    def codec(self):
        return None if self.chip is None else self.chip.wires()


class Bench(NetworkBench):
    """A terminal with the service `titles`, and a network where `services` name one."""

    def __init__(self, services=("titles",), identity=True, state="up"):
        self.board = TitleBoard(state)
        self.board.SERVICES = services
        if identity:
            plain = provisioned_board()
            self.board.FILES, self.board.locks, self.board.counted = plain.FILES, plain.locks, plain.counted
        self.app = start(self.board)
        self.service = self.app.services.get("titles")
        self.serve = None
        self.requests = []
        self.turn(1)
        lines_of(self.board)

    def tick(self, count=1, ms=1):
        """Turns of a millisecond: the chip's own time."""
        return self.turn(count, ms)


def words(said):
    """The names of the events."""
    return [line.split(" ")[0] for line in said]


def samples(bench):
    """What the chip got before its fill octets."""
    return bytes(bench.board.chip.data).rstrip(b"\x00")


def slow(bench, octets=32):
    """The chip takes so many octets in each turn."""
    chip = bench.board.chip
    chip.room = 0

    def more(count=1):
        said = []
        for _ in range(count):
            chip.room = min(2048, chip.room + octets)
            said += bench.turn(1, 10)
        return said

    return more
