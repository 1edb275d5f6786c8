"""Recordings are not what was broadcast: packets were dropped, cut out, joined, damaged. Nothing may open to noise."""

import json
import random

import pytest
from headend.ts.descrambler import descramble_file
from headend.ts.portions import TICKS_PER_MS
from headend.ts.scrambler import scramble_file
from settop.errors import RemoteError

from tests.helpers.on_air import packets_of, pid_of
from tests.helpers.ts_builder import AUDIO_PID, VIDEO_PID, TsBuilder

SECRET, SECONDS = bytes(range(16)), 1.0
STREAMS = (VIDEO_PID, AUDIO_PID)


def programme(seconds=8, seed=1, pes=True):
    """Constant rate, many null packets, a PES every 100 ms; every payload is different."""
    builder = TsBuilder(seed)
    for ms in range(0, seconds * 1000, 20):
        if ms % 100 == 0:
            builder.pat()
            builder.pmt()
        builder.es(VIDEO_PID, pcr=ms * TICKS_PER_MS)
        for row in range(6):
            builder.es(AUDIO_PID if row == 3 else VIDEO_PID)
            if row == 0 and ms % 100 == 0:
                packet = bytearray(builder.packets[-1])
                packet[1] |= 0x40
                packet[4:8] = b"\x00\x00\x01\xe0" if pes else packet[4:8]
                builder.packets[-1] = bytes(packet)
            builder.null()
    return builder


class Broadcast:
    """A scrambled programme; `open` puts any packets through the descrambler with its key file."""

    def __init__(self, tmp_path, name="a", broadcast_id=bytes(8), **options):
        self.folder, self.name = tmp_path, name
        self.clear = programme(**options).write(tmp_path / f"{name}.clear.ts")
        on_air, self.keys = tmp_path / f"{name}.ts", tmp_path / f"{name}.json"
        self.result = scramble_file(self.clear, on_air, SECONDS, SECRET, broadcast_id)
        self.keys.write_text(json.dumps(self.result.as_json()))
        self.on_air = packets_of(on_air.read_bytes())
        self.originals = {packet for packet in packets_of(self.clear.read_bytes()) if pid_of(packet) in STREAMS}

    def open(self, packets, keys=None):
        """(result, packets of the streams that came out)."""
        src, back = self.folder / f"{self.name}.rec.ts", self.folder / f"{self.name}.back.ts"
        src.write_bytes(b"".join(packets))
        result = descramble_file(src, back, keys or self.keys)
        return result, [packet for packet in packets_of(back.read_bytes()) if pid_of(packet) in STREAMS]

    def assert_no_noise(self, packets, at_most_left=0):
        """What came out is an original or still scrambled; at most so many are still scrambled."""
        result, out = self.open(packets)
        opened = [packet for packet in out if packet[3] < 0x80]
        assert all(packet in self.originals for packet in opened)
        assert len(out) - len(opened) == result.left_scrambled <= at_most_left
        assert len(opened) == result.descrambled > 0
        return result


@pytest.fixture(scope="module")
def air(tmp_path_factory):
    return Broadcast(tmp_path_factory.mktemp("air"))


def scrambled_in(packets):
    return sum(packet[3] >= 0x80 for packet in packets)


PER_100_MS = 80  # packets on air


def test_null_packets_may_have_gone(air):
    air.assert_no_noise([packet for packet in air.on_air if pid_of(packet) != 0x1FFF])


def test_null_packets_may_have_been_added(air):
    padded = [one for packet in air.on_air for one in (packet, b"\x47\x1f\xff\x10" + bytes(184))]
    air.assert_no_noise(padded)


@pytest.mark.parametrize("start", [1, 77, 333, 900, 1500, 2345])
def test_recording_may_begin_and_end_anywhere(air, start):
    air.assert_no_noise(air.on_air[start:])
    air.assert_no_noise(air.on_air[:-start])


@pytest.mark.parametrize("seed", range(12))
def test_piece_may_be_missing(air, seed):
    rng = random.Random(seed)
    start = rng.randrange(PER_100_MS, len(air.on_air) - PER_100_MS)
    size = rng.randrange(1, len(air.on_air) - start)
    air.assert_no_noise(air.on_air[:start] + air.on_air[start + size :], at_most_left=2 * PER_100_MS)


@pytest.mark.parametrize("seed", range(12))
def test_pieces_may_be_joined_in_any_order(air, seed):
    rng = random.Random(seed)
    pieces = []
    for _ in range(4):
        start = rng.randrange(len(air.on_air) - 800)
        pieces += air.on_air[start : start + rng.randrange(400, 800)]
    air.assert_no_noise(pieces, at_most_left=5 * 2 * PER_100_MS)


def test_lost_packets_cost_themselves_alone(air):
    rng = random.Random(1)
    air.assert_no_noise([packet for packet in air.on_air if rng.random() > 0.02], at_most_left=2 * PER_100_MS)


def test_one_portions_messages_may_be_lost(air):
    """All ECMs of portion 3: what could be two portions' stays closed."""
    portion = air.result.portions[3]
    inside = range(portion.first_packet, portion.first_packet + portion.packets)
    kept = [packet for at, packet in enumerate(air.on_air) if at not in inside or pid_of(packet) != air.result.ca_pid]
    around = air.on_air[inside.start - PER_100_MS : inside.stop + PER_100_MS]
    air.assert_no_noise(kept, at_most_left=scrambled_in(around))


def test_joined_broadcasts_open_as_far_as_the_key_file_goes(air, tmp_path):
    other = Broadcast(tmp_path, "b", b"otherone", seed=2)
    result, out = air.open(air.on_air + other.on_air)
    opened = [packet for packet in out if packet[3] < 0x80]
    assert all(packet in air.originals for packet in opened)
    assert result.descrambled >= scrambled_in(air.on_air) - PER_100_MS
    assert result.left_scrambled >= scrambled_in(other.on_air)


def test_damaged_packets_are_left_as_they_are(air):
    hurt = [
        packet[:1] + bytes((packet[1] | 0x80,)) + packet[2:] if row % 50 == 7 else packet
        for row, packet in enumerate(air.on_air)
    ]
    result, out = air.open(hurt)
    assert all(packet in air.originals or packet[1] & 0x80 for packet in out)
    assert result.left_scrambled == 0
    assert [packet for packet in out if packet[1] & 0x80] == [
        packet for packet in hurt if packet[1] & 0x80 and pid_of(packet) in STREAMS
    ]


def without_ecms(air):
    return [packet for packet in air.on_air if pid_of(packet) != air.result.ca_pid]


def test_stream_without_messages_opens_by_its_places_while_they_fit(air):
    blanked = [b"\x47\x1f\xff\x10" + bytes(184) if pid_of(one) == air.result.ca_pid else one for one in air.on_air]
    air.assert_no_noise(blanked)


def test_stream_without_messages_whose_places_do_not_fit_is_refused_as_noise(air):
    moved = without_ecms(air)[: len(air.on_air) // 2]
    shifted = [b"\x47\x1f\xff\x10" + bytes(184)] * 2000 + moved
    with pytest.raises(RemoteError, match=r"noise|could be opened"):
        air.open(shifted)


def test_wrong_keys_are_refused_as_noise_and_leave_the_old_output(air, tmp_path):
    keys = json.loads(air.keys.read_text())
    for portion in keys["portions"]:
        portion["key"] = "00" * 16
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps(keys))
    back = tmp_path / "back.ts"
    back.write_bytes(b"old")
    src = tmp_path / "src.ts"
    src.write_bytes(b"".join(air.on_air))
    with pytest.raises(RemoteError, match=r"of \d+ opened packets that should begin a PES, \d+ are noise"):
        descramble_file(src, back, wrong)
    assert back.read_bytes() == b"old"


def test_one_wrong_key_is_counted(air, tmp_path):
    keys = json.loads(air.keys.read_text())
    keys["portions"][2]["key"] = "00" * 16
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps(keys))
    result, _ = air.open(air.on_air, wrong)
    assert result.not_pes == 10
    assert result.pes_checked == 80


def test_streams_that_held_no_pes_before_are_no_noise_now(tmp_path):
    odd = Broadcast(tmp_path, pes=False)
    result = odd.assert_no_noise(odd.on_air)
    assert result.not_pes == result.pes_checked > 0


def test_clear_stream_is_refused(air):
    with pytest.raises(RemoteError, match="no packet of the input is scrambled"):
        air.open(packets_of(air.clear.read_bytes()))


def test_programme_that_another_system_scrambled_is_left_alone(air):
    """A multiplex: service 2 came scrambled by somebody else, and its PMT says nothing of ours."""
    from headend.ts.signal.psi import Packetiser, Pat, Pmt, Stream, build_pat, build_pmt

    pat = build_pat(Pat(1, 3, True, {1: 0x1000, 2: 0x1001}))
    pmt = build_pmt(Pmt(2, 0, True, 0x300, b"\x09\x04\x05\x00\xe3\x01", (Stream(0x1B, 0x300),)))
    foreign = b"\x47\x03\x00\x90" + random.Random(1).randbytes(184)
    head = [*Packetiser(0).packets(pat), *Packetiser(0x1001).packets(pmt), foreign]
    mixed = head + [packet for packet in air.on_air if pid_of(packet)]
    src, back = air.folder / "mixed.ts", air.folder / "mixed.back.ts"
    src.write_bytes(b"".join(mixed))
    result = descramble_file(src, back, air.keys)
    assert foreign in packets_of(back.read_bytes())
    assert result.left_scrambled == 0
