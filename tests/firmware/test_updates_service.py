# runtimes: cpython unix
"""Service `updates`: modules that came run ahead of the firmware's, and those that do not come up give way.

A whole application on keystore, flash and modules in memory is more than a board loads from files: on the Pico it is
tests/emulator/test_updates_arrive.py that tries the service.
"""

import sys

import update_vectors as vectors
from app_rig import answer, provisioned_board, start
from codec_rig import Sink
from kit import raises
from settop.codec import units
from settop.errors import RemoteError
from settop.wire.update import REFUSED
from update_rig import modules_of

PIECE = 64


def board_of(services=("updates",), signer=vectors.SIGNER):
    board = provisioned_board()
    board.SERVICES = services
    board.SIGNER = signer
    board.MODULE_FILES = modules_of(board)
    return board


class Life:
    """A terminal's application; `start` ends the one before, whose memory a board needs for the next."""

    def __init__(self, board):
        self.board = board
        self.start()

    def start(self):
        self.app = None
        for codec in ("beep", "boop"):
            units.add(codec, None)  # holds on to the service
        self.app = start(self.board)

    def receive(self, octets):
        return receive(self.app, octets)

    def says(self, *lines):
        return answer(self.app, self.board, *lines)

    def turns(self, count, ms=1000):
        for _ in range(count):
            self.board.ticks += ms
            self.app.step()


def receive(app, octets):
    coming = app.services.get("updates").receive()
    for at in range(0, len(octets), PIECE):
        coming.write(octets[at : at + PIECE])
    return coming.finish()


def said(board, event):
    return [line.split(" ", 3)[3] for line in board.console.said if line.split(" ")[2] == event]


def without_codecs(test):
    """Units that a test added are global."""

    def wrapped():
        try:
            test()
        finally:
            for codec in ("beep", "boop"):
                units.add(codec, None)

    return wrapped


@without_codecs
def test_a_codec_that_came_is_there_at_once_and_behind_a_start():
    board = board_of()
    life = Life(board)
    with raises(RemoteError):
        units.make("beep", Sink(), 8000, 1)
    life.receive(vectors.BEEP_1)
    assert units.make("Beep", Sink(), 8000, 1) == "beep 1"
    assert said(board, "updated") == ["beep"]
    life.start()
    assert units.make("beep", Sink(), 8000, 1) == "beep 1"
    life.receive(vectors.BEEP_9)
    assert units.make("beep", Sink(), 8000, 1) == "beep 9"
    with raises(RemoteError):
        units.make("beep", Sink(), 8000, 3)


@without_codecs
def test_a_codec_that_is_none_gives_way_to_the_one_before():
    board = board_of()
    life = Life(board)
    life.receive(vectors.BEEP_1)
    for octets, why in (
        (vectors.BEEP_3_RAISES, "version 3 does not load: ZeroDivisionError"),
        (vectors.BEEP_4_IS_NO_UNIT, "it is no codec unit"),
        (vectors.BEEP_5_FAILS_ITS_CHECK, "it does not work here"),
    ):
        life.receive(octets)
        assert why in said(board, "error")[-1] and "what was here runs on" in said(board, "error")[-1]
        assert units.make("beep", Sink(), 8000, 1) == "beep 1"
    assert said(board, "updated") == ["beep"]


@without_codecs
def test_what_is_refused_leaves_the_service_ready_for_the_next():
    board = board_of()
    life = Life(board)
    life.receive(vectors.BEEP_1)
    wrong = bytearray(vectors.BEEP_9)
    wrong[70] ^= 1
    for octets in (vectors.BEEP_1, wrong, vectors.BEEP_9[:-1], vectors.BEEP_9 + b"x"):
        with raises(RemoteError) as caught:
            life.receive(octets)
        assert str(caught.value) == REFUSED and life.app.services.get("updates").busy == ""
        assert units.make("beep", Sink(), 8000, 1) == "beep 1"
    life.receive(vectors.BEEP_9)
    assert units.make("beep", Sink(), 8000, 1) == "beep 9"


def test_a_service_that_came_runs_from_the_next_start_on_and_is_kept_when_it_lasts():
    board = board_of()
    life = Life(board)
    life.receive(vectors.TICK_1)
    assert said(board, "update")[-1] == "tick runs from the next start on"
    assert life.app.services.get("tick") is None
    life.start()
    assert life.app.services.get("tick") is not None and life.says("tick") == ["tick 1"]
    life.turns(9)
    assert said(board, "updated") == []
    life.turns(3)
    assert said(board, "updated") == ["tick"]
    life.start()
    assert life.says("tick") == ["tick 1"]


def test_a_service_that_stops_gives_way_to_the_one_before_at_once():
    board = board_of()
    life = Life(board)
    life.receive(vectors.TICK_1)
    life.start()
    life.turns(12)
    life.receive(vectors.TICK_2_STOPS)
    life.start()
    life.turns(2)
    assert life.says("tick") == ["tick 1"]
    assert "it did not run for 10 s" in said(board, "error")[-1]
    life.start()
    assert life.says("tick") == ["tick 1"]
    life.receive(vectors.TICK_3)
    life.start()
    assert life.says("tick") == ["tick 3"]


def test_a_terminal_that_is_cut_off_again_and_again_goes_back_to_the_one_before():
    board = board_of()
    life = Life(board)
    life.receive(vectors.TICK_1)
    life.start()
    life.turns(12)
    life.receive(vectors.TICK_3)
    for _ in range(3):
        life.start()
        assert life.says("tick") == ["tick 3"]
    life.start()
    assert life.says("tick") == ["tick 1"]
    assert "did not come up in 3 starts" in said(board, "error")[-1]


@without_codecs
def test_the_console_takes_a_module_in_hex_lists_and_forgets_it():
    board = board_of()
    life = Life(board)
    assert life.says("update") == ["update none came"]
    assert life.says("update end") == ["error no update is coming in: `update begin` first"]
    assert life.says("update begin") == ["update begun"]
    assert "an update is coming in" in life.says("provision")[0]
    for at in range(0, len(vectors.BEEP_1), 250):
        part = vectors.BEEP_1[at : at + 250]
        assert life.says("update data " + part.hex()) == ["update took %d" % len(part)]
    assert life.says("update end") == ["update beep version 1 is stored", "updated beep"]
    assert life.says("update") == ["update beep codec version=1 state=kept floor=1 codec=beep"]
    assert life.says("update forget beep") == ["update beep is gone from the next start on"]
    assert life.says("update") == ["update beep codec version=0 state=empty floor=1 codec=beep"]
    for words in ("update what", "update data", "update forget", "update begin now", "update data xy"):
        assert life.says(words)[0].startswith("error ")
    life.says("update begin")
    assert life.says("update data 00x") == ["error update data takes hex digits, two for each octet"]
    assert life.says("update data " + "00" * 157) == ["error " + REFUSED]
    assert life.app.services.get("updates").busy == ""


def test_without_an_identity_or_a_signer_nothing_is_begun():
    board = board_of(signer="")
    life = Life(board)
    assert "names no SIGNER" in life.says("update begin")[0]
    life.board = board_of()
    life.board.locks = []
    life.board.FILES.files.clear()
    life.start()
    assert "not provisioned" in life.says("update begin")[0]


@without_codecs
def test_one_record_that_is_damaged_stops_no_other_module():
    board = board_of()
    life = Life(board)
    life.receive(vectors.BEEP_1)
    life.receive(vectors.TICK_1)
    files = board.FILES.files
    for path in list(files):
        if "update-beep" in path:
            files[path] = b"\xff" * 40
    life.start()
    assert life.says("tick") == ["tick 1"]
    assert "beep" in said(board, "error")[-1]
    life.receive(vectors.TICK_3)
    life.start()
    assert life.says("tick") == ["tick 3"]


def test_what_verifies_is_out_of_memory_behind_it():
    if sys.implementation.name != "micropython":
        return
    board = board_of()
    life = Life(board)
    life.receive(vectors.TICK_1)
    assert not [name for name in sys.modules if "ed25519" in name or "sha512" in name or "reception" in name]
