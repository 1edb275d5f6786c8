"""Files that are not one packet of 188 bytes behind the other: what recorders and modulators make, and damage."""

import os
import random

import numpy as np
import pytest
from headend.ts import packets as ts_packets
from headend.ts.descrambler import descramble_file
from headend.ts.packets import TsFile, whole_stream
from headend.ts.portions import packet_times_ns
from headend.ts.scrambler import scramble_file
from settop.errors import RemoteError

from tests.helpers.ts_builder import VIDEO_PID, TsBuilder, plain_stream

SECRET = bytes(range(32))
BROADCAST = bytes(range(8))
PACKETS = plain_stream(3000, null_every=9).packets
PLAIN = b"".join(PACKETS)


def wide(stride, packets=PACKETS, seed=1):
    """Packets with what belongs to a distance of `stride`: time stamps before or parity behind."""
    rng = random.Random(seed)
    if stride == 192:
        return b"".join(rng.randbytes(4) + packet for packet in packets)
    return b"".join(packet + rng.randbytes(stride - 188) for packet in packets)


def read(path, data, notes=None, chunk=64):
    """(all packets as bytes, notes), read in chunks and then again at any place."""
    path.write_bytes(data)
    with TsFile(path) as source:
        got = b"".join(part.tobytes() for _, part in source.chunks(chunk))
        assert len(got) == source.packets * 188
        row = np.empty((3, 188), np.uint8)
        for first in range(0, source.packets - 3, 97):
            source.read_at(first, row)
            assert row.tobytes() == got[first * 188 : (first + 3) * 188]
        return got, source.notes()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "in.ts"


@pytest.mark.parametrize(
    ("stride", "says"),
    [
        (188, []),
        (192, ["192-byte packets: 4 bytes of a time stamp each dropped"]),
        (204, ["204-byte packets: 16 bytes of parity each dropped"]),
        (208, ["208-byte packets: 20 bytes of parity each dropped"]),
    ],
)
def test_packets_of_every_distance_are_taken_and_it_is_said(path, stride, says):
    assert read(path, wide(stride)) == (PLAIN, says)


@pytest.mark.parametrize("stride", [188, 192, 204, 208])
@pytest.mark.parametrize("garbage", [1, 4, 77, 187, 188, 5000, 200_001])
def test_what_precedes_the_first_packet_is_skipped_and_said(path, stride, garbage):
    got, says = read(path, random.Random(garbage).randbytes(garbage) + wide(stride))
    assert got == PLAIN
    assert f"first {garbage} bytes skipped: they precede the first packet" in says


def test_garbage_of_sync_bytes_is_skipped(path):
    for count in (5, 188, 1000, 30_000, 300_000):
        got, _ = read(path, b"\x47" * count + PLAIN)
        assert got == PLAIN


@pytest.mark.parametrize("stride", [188, 192, 204, 208])
@pytest.mark.parametrize("cut", [1, 15, 30, 100, 187])
def test_packet_that_the_end_cuts_is_dropped_and_said(path, stride, cut):
    around = 0 if stride == 192 else stride - 188
    got, says = read(path, wide(stride)[: -cut - around])
    assert got == PLAIN[:-188]
    assert f"last {188 - cut} bytes dropped: the last packet is incomplete" in says
    if around:  # parity alone is nobody's loss
        assert read(path, wide(stride)[:-around])[0] == PLAIN


def test_distance_is_what_fits_most_and_not_what_fits_the_first(path):
    data = bytearray(wide(204))
    data[0 : 20 * 188 : 188] = b"\x47" * 20
    got, says = read(path, data)
    assert says[0].startswith("204-byte packets")
    assert got[-1000 * 188 :] == PLAIN[-1000 * 188 :]


def test_payload_full_of_sync_bytes_is_no_other_step(path):
    builder = TsBuilder()
    for row in range(400):
        builder.es(VIDEO_PID)
        packet = bytearray(builder.packets[-1])
        packet[20:150] = b"\x47" * 130
        packet[160] = row & 255
        builder.packets[-1] = bytes(packet)
    assert read(path, b"tail of another packet" + builder.bytes())[0] == builder.bytes()
    lost = builder.bytes()[: 100 * 188 + 30] + builder.bytes()[100 * 188 + 40 :]
    assert read(path, lost)[0] == builder.bytes()[: 100 * 188] + builder.bytes()[101 * 188 :]


@pytest.mark.parametrize("stride", [188, 192, 204, 208])
def test_octets_lost_cost_the_packets_that_they_are_missing_from(path, stride):
    rng = random.Random(stride)
    data = wide(stride)
    lead = 4 if stride == 192 else 0
    for _ in range(150):
        start = rng.randrange(300, len(data) - 20 * stride)
        count = rng.randrange(1, 5 * stride)
        got, says = read(path, data[:start] + data[start + count :])
        if count % stride == 0:
            continue  # nothing shows that anything was lost
        # The packet that stood last before the gap has none behind it in step: it is not trusted.
        before = max((start - lead - 1) // stride, 0)
        if (data[:start] + data[start + count :])[(before + 1) * stride + lead] == 0x47:
            continue  # by chance something stands there that looks like one
        behind = -(-(start + count - lead) // stride)
        assert got == b"".join(PACKETS[:before] + PACKETS[behind:])
        missing = (behind - before) * stride - count
        assert says[-1] == f"{missing} damaged bytes skipped at byte {before * stride + lead}"


def test_damaged_sync_bytes_cost_their_own_packets_only(path):
    rng = random.Random(3)
    for _ in range(50):
        rows = sorted(rng.sample(range(1, len(PACKETS)), 5))
        data = bytearray(PLAIN)
        for row in rows:
            data[row * 188] ^= 1 << rng.randrange(8)
        got, says = read(path, data)
        assert got == b"".join(packet for row, packet in enumerate(PACKETS) if row not in rows)
        assert says[0].startswith("940 damaged bytes skipped at ")


def test_other_things_between_packets_are_skipped(path):
    for count in (1, 50, 188 * 3 + 1, 10_000, 400_000):
        got, says = read(path, PLAIN[: 188 * 700] + bytes(count) + PLAIN[188 * 700 :])
        assert got == PLAIN[: 188 * 699] + PLAIN[188 * 700 :]
        assert says == [f"{188 + count} damaged bytes skipped at byte {699 * 188}"]


def test_rest_of_a_file_that_holds_nothing_any_more_is_skipped(path):
    assert read(path, PLAIN + bytes(100_000)) == (PLAIN, [f"100000 damaged bytes skipped at byte {len(PLAIN)}"])


def test_heavy_damage_loses_little_more_than_it_hits(path):
    rng = random.Random(8)
    data, at = b"", 0
    while at < len(PLAIN):
        step = rng.randrange(15, 60) * 188 + rng.randrange(188)
        data, at = data + PLAIN[at : at + step], at + step + rng.randrange(1, 100)
    got, _ = read(path, data)
    kept = [got[row : row + 188] for row in range(0, len(got), 188)]
    assert set(kept) <= set(PACKETS)
    assert len(kept) > 0.9 * len(PACKETS)


def test_random_damage_never_raises_anything_else(path):
    rng = random.Random(4)
    for trial in range(300):
        data = bytearray(wide(rng.choice((188, 192, 204, 208)), PACKETS[: rng.randrange(1, 80)], trial))
        for _ in range(rng.randrange(6)):
            at = rng.randrange(len(data))
            if rng.random() < 0.5:
                del data[at : at + rng.randrange(1, 400)]
            else:
                data[at : at + rng.randrange(100)] = rng.randbytes(rng.randrange(100))
            data = data or bytearray(1)
        try:
            got, _ = read(path, data)
        except RemoteError:
            continue
        assert set(got[::188]) <= {0x47}


def test_every_reader_takes_them(tmp_path):
    plain, odd = tmp_path / "plain.ts", tmp_path / "odd.ts"
    plain.write_bytes(PLAIN)
    odd.write_bytes(b"half a packet" + wide(192) + b"\0\0\0\0\x47")
    assert (packet_times_ns(plain) == packet_times_ns(odd)).all()
    assert whole_stream(odd).tobytes() == PLAIN
    scramble_file(plain, tmp_path / "1.ts", 0.5, SECRET, BROADCAST)
    result = scramble_file(odd, tmp_path / "2.ts", 0.5, SECRET, BROADCAST)
    assert (tmp_path / "1.ts").read_bytes() == (tmp_path / "2.ts").read_bytes()
    (tmp_path / "3.ts").write_bytes(wide(204, cut(tmp_path / "2.ts")))
    (tmp_path / "keys.json").write_text(__import__("json").dumps(result.as_json()))
    descramble_file(tmp_path / "3.ts", tmp_path / "back.ts", tmp_path / "keys.json")
    assert (tmp_path / "back.ts").read_bytes() == PLAIN


def cut(path):
    data = path.read_bytes()
    return [data[row : row + 188] for row in range(0, len(data), 188)]


def test_damaged_stream_is_scrambled_alike_by_one_process_and_by_several(tmp_path, monkeypatch):
    from headend.ts.io import output

    data = wide(204)
    (tmp_path / "in.ts").write_bytes(data[:50_000] + data[50_100:])
    scramble_file(tmp_path / "in.ts", tmp_path / "one.ts", 0.5, SECRET, BROADCAST)
    monkeypatch.setattr(output, "_FORK_FROM_PACKETS", 0)
    monkeypatch.setattr(output, "_cpus", lambda: 3)
    scramble_file(tmp_path / "in.ts", tmp_path / "many.ts", 0.5, SECRET, BROADCAST)
    assert (tmp_path / "one.ts").read_bytes() == (tmp_path / "many.ts").read_bytes()


def test_file_that_grows_is_read_to_the_end_that_it_had(path):
    path.write_bytes(PLAIN[:-100])
    with TsFile(path) as source:
        with path.open("ab") as more:
            more.write(PLAIN[-100:] + PLAIN)
        assert b"".join(part.tobytes() for _, part in source.chunks()) == PLAIN[:-188]


def test_file_that_shrinks_is_refused(path):
    path.write_bytes(PLAIN)
    with TsFile(path) as source:
        os.truncate(path, len(PLAIN) // 2)
        with pytest.raises(RemoteError, match="became shorter"):
            list(source.chunks())


def test_plain_file_is_read_without_a_copy_of_its_own(path, monkeypatch):
    monkeypatch.setattr(ts_packets.TsFile, "_read_apart", None)
    assert read(path, PLAIN) == (PLAIN, [])
