"""Scrambling in one pass: what comes out is what two passes would make, as far as the future does not matter."""

import json
import random

import numpy as np
import pytest
from headend.ts.descrambler import descramble_file
from headend.ts.live import LiveScrambler, NotInOnePassError
from headend.ts.portions import PCR_MODULUS, TICKS_PER_MS, packet_times_ns
from headend.ts.scrambler import scramble_file
from headend.ts.signal.psi import Stream
from settop.errors import RemoteError

from tests.helpers.clips import CLIPS, clip, have_ffmpeg
from tests.helpers.on_air import packets_of, pid_of, watch
from tests.helpers.ts_builder import AUDIO_PID, PMT_PID, VIDEO_PID, TsBuilder, plain_stream
from tests.host.test_scramble_tables import Mux, pmt

SECRET = bytes(range(16))
PICTURE, SOUND = Stream(0x1B, VIDEO_PID), Stream(0x0F, AUDIO_PID)


def live(data, seconds=0.5, sizes=(1, 7, 200), seed=1, **options):
    """(result, bytes out, ticks of each packet, most packets held at once) of a stream that comes in pieces."""
    rng = random.Random(seed)
    scrambler = LiveScrambler(seconds, SECRET, bytes(8), **options)
    packets = np.frombuffer(data, np.uint8).reshape(-1, 188)
    out, ticks, at, most = b"", [], 0, 0
    while at < len(packets):
        size = rng.choice(sizes)
        released = scrambler.feed(packets[at : at + size])
        at += size
        out += released.packets.tobytes()
        ticks += released.ticks.tolist()
        most = max(most, len(scrambler.held))
    released = scrambler.finish()
    return scrambler.result(), out + released.packets.tobytes(), ticks + released.ticks.tolist(), most


def assert_as_good_as_two_passes(data, tmp_path, seconds=0.5, **options):
    src, twice, out, keys, back = (tmp_path / name for name in ("in.ts", "two.ts", "out.ts", "k.json", "back.ts"))
    src.write_bytes(data)
    two = scramble_file(src, twice, seconds, SECRET, bytes(8), **options)
    one, made, ticks, _ = live(data, seconds, **options)
    assert (one.scrambled, one.ca_pid, one.pes_starts) == (two.scrambled, two.ca_pid, two.pes_starts)
    assert (one.portions, one.keys) == (two.portions, two.keys)
    same = made == twice.read_bytes()  # pytest would take minutes to say where not
    assert same
    assert one.as_json() == two.as_json()
    out.write_bytes(made)
    keys.write_text(json.dumps(one.as_json()))
    opened = descramble_file(out, back, keys)
    assert opened.left_scrambled == 0
    assert _without_nulls(back.read_bytes()) == _without_nulls(data)
    assert len(ticks) == len(made) // 188
    assert ticks == sorted(ticks)
    streams = [packet for packet in packets_of(made) if packet[3] >= 0x80]
    assert streams == [packet for packet in packets_of(twice.read_bytes()) if packet[3] >= 0x80]
    seen = watch(made)
    assert not seen.clear
    assert not seen.unannounced
    return one, made


def _without_nulls(data):
    return [packet for packet in packets_of(data) if pid_of(packet) != 0x1FFF]


@pytest.mark.skipif(not have_ffmpeg(), reason="ffmpeg makes the clips")
@pytest.mark.parametrize("name", CLIPS)
def test_clips_come_out_as_two_passes_make_them(name, tmp_path):
    result, _ = assert_as_good_as_two_passes(clip(name).read_bytes(), tmp_path, 1.0)
    assert len(result.portions) in (6, 7)


@pytest.mark.parametrize("null_every", [0, 3])
@pytest.mark.parametrize("start_ticks", [0, PCR_MODULUS - 1000 * TICKS_PER_MS])
def test_streams_with_and_without_null_packets_and_a_wrapping_clock(null_every, start_ticks, tmp_path):
    stream = plain_stream(2500, null_every=null_every, start_ticks=start_ticks)
    result, made = assert_as_good_as_two_passes(stream.bytes(), tmp_path)
    (tmp_path / "made.ts").write_bytes(made)
    times = packet_times_ns(tmp_path / "made.ts")
    on_air = [times[row] for row, packet in enumerate(packets_of(made)) if pid_of(packet) == result.ca_pid]
    assert np.diff([*on_air, times[-1]]).max() <= 100e6
    assert bool(result.ecm_replacing_null) == bool(null_every)


@pytest.mark.parametrize("seed", range(6))
def test_pmts_that_grow_over_a_packet_border_come_whole(seed, tmp_path):
    descriptors = b"\x80\x64" + bytes(100) + bytes((0x80, 20 + 30 * seed)) + bytes(20 + 30 * seed)
    assert_as_good_as_two_passes(plain_stream(1500, pmt_descriptors=descriptors).bytes(), tmp_path)


def test_tables_that_change_are_followed(tmp_path):
    mux = Mux()
    for row, pid in enumerate((0x1000, 0x1001, 0x1000, 0x50)):
        mux.stretch(({1: pid}, row), [(pid, pmt(PICTURE, SOUND, version=row))], [AUDIO_PID])
    mux.stretch(({1: PMT_PID}, 9), [(PMT_PID, pmt(PICTURE, Stream(0x0B, AUDIO_PID), version=1))], [AUDIO_PID])
    assert_as_good_as_two_passes(mux.bytes(), tmp_path)


def test_programme_that_was_chosen_alone_is_scrambled(tmp_path):
    mux = Mux()
    other = (0x1001, pmt(Stream(0x0F, 0x300), programme=2))
    mux.stretch(({1: PMT_PID, 2: 0x1001}, 0), [(PMT_PID, pmt(PICTURE, SOUND)), other], [AUDIO_PID, 0x300], ms=1500)
    src = mux.bytes()
    result, made, _, _ = live(src, programme=1)
    assert not watch(made, {1}).clear
    assert not any(packet[3] >= 0x80 for packet in packets_of(made) if pid_of(packet) == 0x300)
    assert result.scrambled


def test_splice_and_sparse_clock_follow_the_rules_of_two_passes(tmp_path):
    spliced = plain_stream(1500).bytes() + plain_stream(1500, start_ticks=900_000 * TICKS_PER_MS).bytes()
    assert_as_good_as_two_passes(spliced, tmp_path)
    sparse = TsBuilder()
    for ms in range(0, 36_000, 100):
        sparse.pat()
        sparse.pmt(streams=(Stream(0x0F, VIDEO_PID),))
        sparse.es(VIDEO_PID, pcr=ms * TICKS_PER_MS if ms % 6000 == 0 else None)
        sparse.es(VIDEO_PID)
    result, _ = assert_as_good_as_two_passes(sparse.bytes(), tmp_path, 1.0)
    assert len(result.portions) == 36


def test_little_of_an_endless_stream_is_held(tmp_path):
    stream = plain_stream(60_000).bytes()
    _, _, _, most = live(stream, 2.0, sizes=(7,))
    assert most < 500  # 10 packets each 20 ms: one second at the start


def test_ca_pid_moves_by_a_new_pmt_version_when_the_stream_comes_to_use_it(tmp_path):
    mux = Mux()
    mux.stretch(({1: PMT_PID}, 0), [(PMT_PID, pmt(PICTURE, SOUND))], [AUDIO_PID], ms=2000)
    late = Stream(0x0F, 0x1FF0)
    mux.stretch(({1: PMT_PID}, 0), [(PMT_PID, pmt(PICTURE, SOUND, late, version=1))], [AUDIO_PID, 0x1FF0], ms=2000)
    result, made, _, _ = live(mux.bytes(), 0.5)
    assert result.ca_pid == 0x1FEF
    assert any("moved" in text for text in result.warnings)
    seen = watch(made)
    assert not seen.clear
    assert not seen.unannounced
    assert seen.ca_pids == {0x1FF0, 0x1FEF}
    versions = [packet[10] >> 1 & 31 for packet in packets_of(made) if pid_of(packet) == PMT_PID]
    assert versions == sorted(versions)
    assert set(versions) >= {1, 3}
    src, keys, back = tmp_path / "in.ts", tmp_path / "k.json", tmp_path / "back.ts"
    src.write_bytes(made)
    keys.write_text(json.dumps(result.as_json()))
    opened = descramble_file(src, back, keys)
    assert opened.left_scrambled == 0
    streams = [
        [packet for packet in packets_of(data) if pid_of(packet) in (VIDEO_PID, AUDIO_PID, 0x1FF0)]
        for data in (mux.bytes(), back.read_bytes())
    ]
    assert streams[0] == streams[1]


def test_stream_without_tables_or_clock_has_to_be_read_twice(tmp_path):
    late = TsBuilder()
    for _ in range(500):
        late.es(VIDEO_PID)
    with pytest.raises(NotInOnePassError):
        live(late.bytes())


def test_what_is_scrambled_already_or_would_stay_clear_is_refused_at_once():
    stream = plain_stream(500)
    stream.es(VIDEO_PID, tsc=2)
    with pytest.raises(RemoteError, match="already scrambled"):
        live(stream.bytes())
    mux = Mux()
    mux.stretch(({1: PMT_PID}, 0), [(PMT_PID, pmt(PICTURE, Stream(0x0F, 0x05)))], [0x05])
    with pytest.raises(RemoteError, match="PID 0x0005"):
        live(mux.bytes())
    nothing = Mux()
    nothing.stretch(({1: PMT_PID}, 0), [(PMT_PID, pmt(Stream(0x1B, 0x400)))], [])
    with pytest.raises(RemoteError, match="nothing was scrambled"):
        live(nothing.bytes())


@pytest.mark.parametrize("seed", range(25))
def test_mutated_streams_raise_remote_error_only(seed):
    rng = random.Random(seed)
    data = bytearray(plain_stream(800, null_every=4).bytes())
    for _ in range(rng.choice((1, 3, 30))):
        packet = rng.randrange(len(data) // 188) * 188
        data[packet + rng.choice((1, 2, 3, 4, 5, rng.randrange(188)))] = rng.randrange(256)
    try:
        live(bytes(data), 0.2)
    except (RemoteError, NotInOnePassError):
        pass
