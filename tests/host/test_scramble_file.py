"""Whole files through `scramble_file` and `descramble_file`."""

import json
import random

import numpy as np
import pytest
from headend.ts.cissa import descramble_packets
from headend.ts.descrambler import descramble_file
from headend.ts.keys import control_word
from headend.ts.packets import headers
from headend.ts.portions import PCR_MODULUS, TICKS_PER_MS, packet_times_ns
from headend.ts.scrambler import scramble_file
from headend.ts.signal.psi import SectionAssembler, Stream, descriptors_of, parse_pmt
from settop.errors import LocalError, RemoteError
from settop.wire.ecm import unpack_ca_descriptor, unpack_ecm

from tests.helpers.clips import CLIPS, clip, have_ffmpeg
from tests.helpers.ts_builder import AUDIO_PID, PMT_PID, VIDEO_PID, TsBuilder, pcr_field, plain_stream

SECRET = bytes(range(100, 132))
BROADCAST = b"\x01\x02\x03\x04\x05\x06\x07\x08"
needs_ffmpeg = pytest.mark.skipif(not have_ffmpeg(), reason="ffmpeg makes the clips")


def run(src, tmp_path, seconds=1.0, **options):
    """(result, scrambled path, key file)."""
    out, keys = tmp_path / "scrambled.ts", tmp_path / "keys.json"
    result = scramble_file(src, out, seconds, SECRET, BROADCAST, **options)
    keys.write_text(json.dumps(result.as_json()))
    return result, out, keys


def packets_of(path):
    return np.frombuffer(bytearray(path.read_bytes()), np.uint8).reshape(-1, 188)


def ecms_of(result, out):
    """[(packet index, Ecm)]"""
    packets = packets_of(out)
    rows = np.flatnonzero(headers(packets).pid == result.ca_pid)
    for row in rows:
        assert packets[row, 1] & 0x40
        assert packets[row, 4] == 0
        assert (packets[row, 33:] == 0xFF).all()
    return [(int(row), unpack_ecm(packets[row, 5:33].tobytes())) for row in rows]


def assert_round_trip(src, tmp_path, seconds=1.0, **options):
    result, out, keys = run(src, tmp_path, seconds, **options)
    back = tmp_path / "back.ts"
    opened = descramble_file(out, back, keys)
    assert opened.left_scrambled == 0
    assert opened.descrambled == result.scrambled
    assert back.read_bytes() == src.read_bytes()
    return result, out


@needs_ffmpeg
@pytest.mark.parametrize("name", CLIPS)
def test_round_trip_of_real_clips_is_byte_exact(name, tmp_path):
    result, out = assert_round_trip(clip(name), tmp_path)
    assert len(result.portions) in (6, 7)  # pictures end a little later than six seconds
    fields = headers(packets_of(out))
    assert result.packets == len(fields.pid)
    assert result.scrambled == np.count_nonzero(fields.tsc)


@pytest.mark.parametrize("null_every", [0, 3])
def test_round_trip_of_odd_adaptation_lengths_is_byte_exact(null_every, tmp_path):
    src = plain_stream(2500, null_every=null_every).write(tmp_path / "in.ts")
    result, _ = assert_round_trip(src, tmp_path, 0.5)
    assert bool(result.ecm_replacing_null) == bool(null_every)


def test_round_trip_over_a_pcr_wrap_is_byte_exact(tmp_path):
    src = plain_stream(2500, start_ticks=PCR_MODULUS - 1000 * TICKS_PER_MS).write(tmp_path / "in.ts")
    result, _ = assert_round_trip(src, tmp_path, 0.5)
    assert len(result.portions) == 5


@pytest.mark.parametrize("size", [135, 145, 150, 155, 330])
def test_round_trip_with_a_pmt_growing_over_its_packet_is_byte_exact(size, tmp_path):
    descriptors = b"".join(bytes((0x80, part)) + bytes(part) for part in (100, size - 104))
    src = plain_stream(1500, pmt_descriptors=descriptors).write(tmp_path / "in.ts")
    _, out = assert_round_trip(src, tmp_path, 0.5)
    assembler = SectionAssembler()
    packets = packets_of(out)
    counters = []
    found = 0
    for packet in packets[headers(packets).pid == PMT_PID]:
        counters.append(int(packet[3] & 15))
        for section in assembler.feed(packet.tobytes()):
            ours = [unpack_ca_descriptor(one) for one in descriptors_of(parse_pmt(section).descriptors)]
            assert ours.count(None) == len(ours) - 1
            found += 1
    assert found == 15
    assert assembler.damaged == 0
    assert counters == [row % 16 for row in range(len(counters))]


def test_pmt_beyond_its_limit_is_refused_and_leaves_no_file(tmp_path):
    descriptors = (b"\x80\xc8" + bytes(200)) * 4 + b"\x80\xb4" + bytes(180)
    src = plain_stream(300, pmt_descriptors=descriptors).write(tmp_path / "in.ts")
    with pytest.raises(RemoteError, match="1021"):
        run(src, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["in.ts"]


def test_every_es_packet_with_payload_is_scrambled_and_nothing_else(tmp_path):
    src = plain_stream(1000, null_every=4).write(tmp_path / "in.ts")
    _, out, _ = run(src, tmp_path)
    fields = headers(packets_of(out))
    due = np.isin(fields.pid, (VIDEO_PID, AUDIO_PID)) & (fields.afc & 1 == 1) & ~fields.malformed
    assert np.array_equal(fields.tsc != 0, due)


def test_parity_and_key_follow_the_portion(tmp_path):
    src = plain_stream(2000).write(tmp_path / "in.ts")
    result, out, _ = run(src, tmp_path, 0.5)
    fields = headers(packets_of(out))
    assert [portion.parity for portion in result.portions] == ["even", "odd", "even", "odd"]
    at = 0
    for portion in result.portions:
        assert portion.first_packet == at
        at += portion.packets
        tsc = fields.tsc[portion.first_packet : at]
        assert set(tsc.tolist()) == {0, 2 + portion.index % 2}
    assert result.keys == [control_word(SECRET, 1, BROADCAST, index) for index in range(4)]
    assert at == result.packets


def test_each_key_opens_its_own_portion_only(tmp_path):
    """A1, A14: the N x N matrix is good on the diagonal only."""
    src = plain_stream(2500).write(tmp_path / "in.ts")
    result, out, _ = run(src, tmp_path, 0.5)
    original = set(plain_stream(2500).packets)
    for portion in result.portions:
        rows = slice(portion.first_packet, portion.first_packet + portion.packets)
        for index, key in enumerate(result.keys):
            packets = packets_of(out)[rows].copy()
            fields = headers(packets)
            blocks = fields.offset <= 188 - 16  # shorter payloads are clear by the standard
            descramble_packets(packets, key, (fields.tsc != 0) & blocks)
            opened = [packet.tobytes() in original for packet in packets[(fields.tsc != 0) & blocks]]
            assert all(opened) if index == portion.index else not any(opened)


@needs_ffmpeg
def test_broadcast_holds_no_key_and_no_secret(tmp_path):
    """A7."""
    result, out, _ = run(clip("h264_aac_cbr"), tmp_path)
    broadcast = out.read_bytes()
    for secret in (SECRET, SECRET[:16], SECRET[16:], *result.keys):
        assert secret not in broadcast
        assert secret.hex().encode() not in broadcast
    assert len(result.keys) == len(result.portions)
    assert not any(key.hex() in repr(result) for key in result.keys)
    assert "key" not in repr(result)


def ecm_gaps_ms(result, out):
    times = packet_times_ns(out)
    on_air = [times[row] for row, _ in ecms_of(result, out)]
    return np.diff([*on_air, times[-1]]) / 1e6


@needs_ffmpeg
@pytest.mark.parametrize("name", CLIPS)
def test_ecm_repeats_within_100_ms(name, tmp_path):
    """X3."""
    result, out, _ = run(clip(name), tmp_path, 2.0)
    gaps = ecm_gaps_ms(result, out)
    assert len(gaps) >= 59
    assert gaps.max() <= 100


@pytest.mark.parametrize("null_every", [0, 2, 5])
def test_ecm_repeats_within_100_ms_with_and_without_nulls(null_every, tmp_path):
    src = plain_stream(3000, null_every=null_every).write(tmp_path / "in.ts")
    result, out, _ = run(src, tmp_path, 0.7)
    assert ecm_gaps_ms(result, out).max() <= 100
    if null_every:
        assert result.ecm_inserted <= len(result.portions) + 2  # nearly all sit on nulls


def test_portion_opens_with_its_ecm_which_tells_index_and_time_left(tmp_path):
    src = plain_stream(2000, null_every=3).write(tmp_path / "in.ts")
    result, out, _ = run(src, tmp_path, 0.5, programme_id=77)
    ecms = dict(ecms_of(result, out))
    times = packet_times_ns(out)
    for portion in result.portions:
        first = ecms[portion.first_packet]
        assert (first.portion, first.programme_id, first.broadcast_id) == (portion.index, 77, BROADCAST)
    for row, ecm in ecms.items():
        portion = result.portions[ecm.portion]
        assert portion.first_packet <= row < portion.first_packet + portion.packets
        left_ms = (ecm.portion + 1) * 500 - times[row] / 1e6
        assert abs(ecm.remaining_ms - left_ms) < 5
    assert result.ecm_inserted + result.ecm_replacing_null == len(ecms)


def test_portions_without_packets_still_have_their_ecm(tmp_path):
    builder = TsBuilder()
    builder.pat()
    builder.pmt()
    for ms in (0, 3000, 3100):  # steps that a clock may take without a splice
        builder.es(VIDEO_PID, pcr=ms * TICKS_PER_MS)
    result, out, _ = run(builder.write(tmp_path / "in.ts"), tmp_path, 1.0)
    assert [portion.index for portion in result.portions] == [0, 1, 2, 3]
    assert all(portion.packets >= 1 for portion in result.portions)
    ecms = dict(ecms_of(result, out))
    assert [ecms[portion.first_packet].portion for portion in result.portions] == [0, 1, 2, 3]


def test_first_free_pid_downwards_carries_the_ecms(tmp_path):
    builder = plain_stream(300)
    builder.es(0x1FF0)
    builder.pmt(version=1, streams=(Stream(0x1B, VIDEO_PID), Stream(0x0F, AUDIO_PID), Stream(0x06, 0x1FEF)))
    result, _, _ = run(builder.write(tmp_path / "in.ts"), tmp_path)
    assert result.ca_pid == 0x1FEE


def two_programmes():
    builder = TsBuilder()
    for ms in range(0, 1000, 20):
        if ms % 100 == 0:
            builder.pat({1: 0x1000, 2: 0x1001})
            builder.pmt(1, 0x1000)
            streams = (Stream(0x02, 0x200), Stream(0x05, 0x201), Stream(0x86, 0x202))
            builder.pmt(2, 0x1001, streams, pcr_pid=0x200)
        builder.es(VIDEO_PID, pcr=ms * TICKS_PER_MS)
        builder.es(0x200, pcr=(ms + 5000) * TICKS_PER_MS)
        for pid in (AUDIO_PID, 0x200, 0x201, 0x202):
            builder.es(pid)
    return builder


@pytest.mark.parametrize(
    ("programme", "scrambled"), [(None, {VIDEO_PID, AUDIO_PID, 0x200}), (1, {VIDEO_PID, AUDIO_PID}), (2, {0x200})]
)
def test_programmes_concerned_are_scrambled_but_streams_of_sections_never(programme, scrambled, tmp_path):
    src = two_programmes().write(tmp_path / "in.ts")
    _, out = assert_round_trip(src, tmp_path, 0.5, programme=programme)
    fields = headers(packets_of(out))
    assert set(fields.pid[fields.tsc != 0].tolist()) == scrambled
    assert not (np.isin(fields.pid, list(scrambled)) & (fields.tsc == 0)).any()


def test_stream_that_a_later_pmt_adds_is_scrambled_throughout(tmp_path):
    builder = plain_stream(300)
    builder.pmt(version=1, streams=(Stream(0x1B, VIDEO_PID), Stream(0x0F, AUDIO_PID), Stream(0x0F, 0x102)))
    builder.es(0x102)
    _, out = assert_round_trip(builder.write(tmp_path / "in.ts"), tmp_path)
    fields = headers(packets_of(out))
    assert (fields.tsc[fields.pid == 0x102] != 0).all()


def test_same_arguments_give_the_same_bytes_and_another_broadcast_id_others(tmp_path):
    src = plain_stream(1000, null_every=3).write(tmp_path / "in.ts")
    outs = [tmp_path / f"{row}.ts" for row in range(3)]
    for out, broadcast in zip(outs, (BROADCAST, BROADCAST, bytes(8)), strict=True):
        scramble_file(src, out, 0.5, SECRET, broadcast)
    assert outs[0].read_bytes() == outs[1].read_bytes()
    assert outs[0].read_bytes() != outs[2].read_bytes()


def test_forked_and_single_process_give_the_same_bytes(tmp_path, monkeypatch):
    from headend.ts.io import output

    src = plain_stream(40_000, null_every=3).write(tmp_path / "in.ts")
    scramble_file(src, tmp_path / "one.ts", 0.5, SECRET, BROADCAST)
    monkeypatch.setattr(output, "_FORK_FROM_PACKETS", 0)
    monkeypatch.setattr(output, "_cpus", lambda: 3)
    seen = []
    progress = lambda *counts: seen.append(counts)  # noqa: E731
    scramble_file(src, tmp_path / "many.ts", 0.5, SECRET, BROADCAST, progress=progress)
    assert (tmp_path / "one.ts").read_bytes() == (tmp_path / "many.ts").read_bytes()
    assert seen[-1][0] == seen[-1][1] == 2 * (src.stat().st_size // 188)


def test_error_in_a_forked_worker_comes_out_and_leaves_no_file(tmp_path, monkeypatch):
    from headend.ts import scrambler
    from headend.ts.io import output

    def fail(*_):
        raise RemoteError("made to fail")

    src = plain_stream(300).write(tmp_path / "in.ts")
    monkeypatch.setattr(output, "_FORK_FROM_PACKETS", 0)
    monkeypatch.setattr(output, "_cpus", lambda: 2)
    monkeypatch.setattr(scrambler, "scramble_packets", fail)
    with pytest.raises(RemoteError, match="made to fail"):
        run(src, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["in.ts"]


def test_input_that_is_scrambled_already_is_refused_with_the_packet(tmp_path):
    builder = plain_stream(300)
    at = len(builder.packets)
    builder.es(VIDEO_PID, tsc=2)
    with pytest.raises(RemoteError, match=f"packet {at} is already scrambled"):
        run(builder.write(tmp_path / "in.ts"), tmp_path)


def test_wrong_arguments_are_refused_before_anything_is_written(tmp_path):
    src = plain_stream(100).write(tmp_path / "in.ts")
    for seconds, secret, broadcast in ((0.1, SECRET, BROADCAST), (1, bytes(8), BROADCAST), (1, SECRET, b"short")):
        with pytest.raises(LocalError) as caught:
            scramble_file(src, tmp_path / "out.ts", seconds, secret, broadcast)
        assert secret.hex() not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["in.ts"]


def test_portion_without_a_key_stays_scrambled_and_is_counted(tmp_path):
    src = plain_stream(2000).write(tmp_path / "in.ts")
    result, out, keys = run(src, tmp_path, 0.5)
    document = json.loads(keys.read_text())
    missing = result.portions[2]
    del document["portions"][2]
    keys.write_text(json.dumps(document))
    opened = descramble_file(out, tmp_path / "back.ts", keys)
    fields = headers(packets_of(out))
    rows = slice(missing.first_packet, missing.first_packet + missing.packets)
    assert opened.left_scrambled == np.count_nonzero(fields.tsc[rows])
    assert np.count_nonzero(headers(packets_of(tmp_path / "back.ts")).tsc) == opened.left_scrambled


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", '{"portions": 3}', '{"portions": [3]}', '{"portions": [{}]}', "\xff"),
        '{"portions": [{"index":0,"parity":"even","key":"00","first_packet":0,"packets":1}]}',
        '{"portions": [{"index":0,"parity":"odd","key":"%s","first_packet":-1,"packets":1}]}' % ("5a" * 16),
    ],
)
def test_wrong_key_file_is_refused_without_showing_it(text, tmp_path):
    src = plain_stream(100).write(tmp_path / "in.ts")
    keys = tmp_path / "keys.json"
    keys.write_text(text, encoding="latin-1")
    with pytest.raises(RemoteError, match="key file") as caught:
        descramble_file(src, tmp_path / "out.ts", keys)
    assert "5a5a" not in str(caught.value)


def test_mutated_streams_raise_remote_error_only(tmp_path):
    rng = random.Random(11)
    clean = plain_stream(600, null_every=4).bytes()
    src, out, back, keys = (tmp_path / name for name in ("in.ts", "out.ts", "back.ts", "keys.json"))
    refused = passed = 0
    for _ in range(250):
        data = bytearray(clean)
        for _ in range(rng.choice((1, 3, 30))):
            packet = rng.randrange(len(data) // 188) * 188
            data[packet + rng.choice((1, 2, 3, 4, 5, rng.randrange(188)))] = rng.randrange(256)
        if rng.random() < 0.1:
            del data[rng.randrange(len(data)) :]
        if rng.random() < 0.2:
            at = rng.randrange(len(data) // 188 or 1) * 188
            data[at : at + 12] = b"\x47\x01\x00\x30\x07\x10" + pcr_field(rng.randrange(PCR_MODULUS))
        src.write_bytes(data)
        try:
            result = scramble_file(src, out, 0.2, SECRET, BROADCAST)
            keys.write_text(json.dumps(result.as_json()))
            descramble_file(out, back, keys)
            passed += 1
        except RemoteError:
            refused += 1
    assert refused > 20
    assert passed > 20
