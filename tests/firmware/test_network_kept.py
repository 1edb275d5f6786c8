# runtimes: cpython unix
"""The time that somebody authenticated outlives a start, wears no flash, and is not believed where it is damaged."""

import struct

from app_rig import provisioned_board
from certificates import SELF_SIGNED, SIGNED
from network_rig import Bench, saying
from settop.errors import RemoteError
from settop.keystore.keystore import Keystore, Records
from settop.net.validity import validity
from settop.services.network.kept import FLOOR_S, MAX_AUTHORITY_OCTETS, STEP_S, KeptTime, trust

LATER_S = FLOOR_S + 100 * STEP_S


class Flash:
    """Records that count what is stored."""

    def __init__(self, data=None, broken=None):
        self.data = data
        self.broken = broken
        self.stores = 0

    def load(self, name):
        assert name == "time"
        if self.broken is not None:
            raise self.broken
        return self.data

    def store(self, name, data, counted=False):
        self.stores += 1
        if self.broken is not None:
            raise self.broken
        self.data = bytearray(data)


def kept(flash):
    told = []
    return KeptTime(flash, lambda event, text: told.append((event, text))), told


def test_without_a_record_it_is_the_day_of_the_firmware():
    time, told = kept(Flash())
    assert time.now_s == FLOOR_S and told == []


def test_a_time_is_there_again_after_a_start():
    flash = Flash()
    time, told = kept(flash)
    time.keep(LATER_S)
    assert bytes(flash.data) == struct.pack(">BQ", 1, LATER_S)
    assert kept(flash)[0].now_s == LATER_S and told == []


def test_it_is_stored_once_a_day_of_its_own_count():
    flash = Flash()
    time, _ = kept(flash)
    for hour in range(24 * 10):
        time.keep(LATER_S + 3600 * hour)
    assert flash.stores == 10 and time.now_s == LATER_S + 3600 * (24 * 10 - 1)
    time.keep(LATER_S)
    assert flash.stores == 10 and time.now_s == LATER_S + 3600 * (24 * 10 - 1)


def test_a_flash_that_refuses_is_told_and_not_asked_in_every_turn():
    flash = Flash()
    time, told = kept(flash)
    flash.broken = OSError(5)
    for second in range(100):
        time.keep(LATER_S + second)
    assert flash.stores == 1 and len(told) == 1 and "cannot be stored" in told[0][1]
    assert time.now_s == LATER_S + 99


def test_a_bad_record_is_refused_and_told():
    good = struct.pack(">BQ", 1, LATER_S)
    for data in (b"", good[:-1], good + b"\x00", b"\x02" + good[1:], struct.pack(">BQ", 1, (1 << 64) - 1)):
        time, told = kept(Flash(bytearray(data)))
        assert time.now_s == FLOOR_S and len(told) == 1 and told[0][0] == "error"
    for broken in (RemoteError("roll-back"), OSError(5), MemoryError()):
        time, told = kept(Flash(broken=broken))
        assert time.now_s == FLOOR_S and len(told) == 1


def test_an_older_record_than_the_firmware_is_passed_over():
    time, told = kept(Flash(struct.pack(">BQ", 1, 5)))
    assert time.now_s == FLOOR_S and told == []


def test_it_lies_in_the_keystore_under_the_network():
    board = provisioned_board()
    keystore = Keystore(board)
    keystore.start()
    time, told = kept(Records(keystore, "network"))
    time.keep(LATER_S)
    assert told == [] and "keys/network-time.a" in board.FILES.files
    keystore = Keystore(board)
    keystore.start()
    assert kept(Records(keystore, "network"))[0].now_s == LATER_S


class Board:
    def __init__(self, data):
        self.FILES = self
        self.data = data

    def read(self, path, limit):
        assert path == "authority.der"
        return None if self.data is None else self.data[:limit]


def test_an_authority_is_a_file_on_the_board_and_one_that_is_damaged_is_told():
    told = []

    def report(event, text):
        told.append(text)

    assert trust(Board(None), FLOOR_S, report) is None and told == []
    assert trust(Board(SIGNED), LATER_S, report).now_s == LATER_S and told == []
    for data in (b"", b"-----BEGIN CERTIFICATE-----", SIGNED[:100], bytes(MAX_AUTHORITY_OCTETS + 1)):
        assert trust(Board(data), FLOOR_S, report) is None
    assert len(told) == 4 and all(["authority.der is of no use" in text for text in told])


def test_https_needs_an_authority_and_its_time_is_kept():
    bench = Bench().up()
    assert bench.say("fetch https://films.example/") == ["error https without an authority that is trusted"]
    bench = Bench(files={"authority.der": SELF_SIGNED}).up()
    bench.board.tls.chain = [SELF_SIGNED]
    bench.serve = saying(b"sealed")
    said = bench.ask("fetch https://10.0.2.2/film", "fetched", "fetch_failed")
    assert said[-1].startswith("fetched octets=6 ")
    known_s = validity(SELF_SIGNED)[0]
    assert known_s > FLOOR_S + STEP_S and bench.service._trust.now_s == known_s
    assert KeptTime(bench.app.records("network"), print).now_s == known_s


def test_a_chain_that_is_merely_shown_leaves_the_time_that_is_kept():
    for complaint, keyless in (("not correctly signed", 0), ("Common Name (CN)", 0), ("", -0x7780)):
        bench = Bench(files={"authority.der": SIGNED}).up()
        tls = bench.board.tls
        tls.chain, tls.complaint, tls.keyless = [SIGNED], complaint, keyless
        bench.serve = saying(b"sealed")
        said = bench.ask("fetch https://10.0.2.2/film", "fetched", "fetch_failed", ms=100)
        assert said[-1].startswith("fetch_failed octets=0 ") and bench.service._trust.now_s == FLOOR_S
        assert KeptTime(bench.app.records("network"), print).now_s == FLOOR_S
        assert "keys/network-time.a" not in bench.board.FILES.files


def test_the_time_that_is_known_is_forgotten_when_the_viewer_says_so():
    bench = Bench(files={"authority.der": SELF_SIGNED}).up()
    bench.board.tls.chain = [SELF_SIGNED]
    bench.serve = saying(b"sealed")
    bench.ask("fetch https://10.0.2.2/film", "fetched")
    assert KeptTime(bench.app.records("network"), print).now_s > FLOOR_S
    assert bench.say("network forget-time") == []
    assert KeptTime(bench.app.records("network"), print).now_s == FLOOR_S == bench.service._trust.now_s
    assert Bench().say("network forget-time") == []
