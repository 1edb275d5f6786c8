"""Reading files, programme time, and where portions are cut."""

import random

import numpy as np
import pytest
from headend.ts.packets import TsFile, headers
from headend.ts.portions import PCR_MODULUS, TICKS_PER_MS, PortionMap, packet_times_ns, programme_clock
from headend.ts.signal.psi import Stream
from headend.ts.survey import survey
from settop.errors import LocalError, RemoteError

from tests.helpers.ts_builder import AUDIO_PID, VIDEO_PID, TsBuilder, plain_stream


def portions_of(path, seconds, programme=None):
    with TsFile(path) as source:
        _, timeline = programme_clock(survey(source), programme)
    return PortionMap(timeline, seconds)


def clock_positions(builder):
    return [row for row, packet in enumerate(builder.packets) if packet[3] & 0x20 and packet[4] and packet[5] & 0x10]


def test_time_runs_linearly_between_clock_references(tmp_path):
    builder = plain_stream(200)
    times = packet_times_ns(builder.write(tmp_path / "a.ts"))
    clocks = clock_positions(builder)
    assert [times[at] for at in clocks] == [row * 20_000_000 for row in range(len(clocks))]
    steps = np.diff(times[clocks[0] : clocks[1] + 1])
    assert steps.min() >= 1_999_900
    assert steps.max() <= 2_000_100
    assert times[0] < 0  # PAT and PMT before the first reference


def test_portions_begin_at_multiples_of_their_length_from_the_first_pcr(tmp_path):
    builder = plain_stream(3000)
    portions = portions_of(builder.write(tmp_path / "a.ts"), 1)
    clocks = clock_positions(builder)
    assert portions.starts == [0, clocks[50], clocks[100]]
    assert [portion.start_ms for portion in portions.portions()] == [0, 1000, 2000]
    assert sum(portion.packets for portion in portions.portions()) == len(builder.packets)
    assert portions.portion_of(clocks[50] - 1) == 0
    assert portions.portion_of(clocks[50]) == 1
    assert portions.remaining_ms(clocks[50]) == 1000
    assert portions.remaining_ms(clocks[51]) == 980


def test_pcr_wrap_changes_nothing(tmp_path):
    wrapped = plain_stream(2000, start_ticks=PCR_MODULUS - 700 * TICKS_PER_MS).write(tmp_path / "wrap.ts")
    plain = plain_stream(2000).write(tmp_path / "plain.ts")
    assert np.array_equal(packet_times_ns(wrapped), packet_times_ns(plain))


@pytest.mark.parametrize("jump_ms", [3_600_000, -500_000, 300])
def test_discontinuity_goes_on_at_the_last_known_rate(tmp_path, jump_ms):
    builder = TsBuilder()
    builder.pat()
    builder.pmt()
    for row in range(100):
        offset = 1_000_000 + (jump_ms if row >= 50 else 0)
        builder.es(VIDEO_PID, pcr=(offset + row * 20) * TICKS_PER_MS, discontinuity=row == 50)
        for _ in range(9):
            builder.es(AUDIO_PID)
    times = packet_times_ns(builder.write(tmp_path / "a.ts"))
    assert [times[at] for at in clock_positions(builder)] == [row * 20_000_000 for row in range(100)]


def test_unflagged_backward_jump_is_found_too(tmp_path):
    builder = plain_stream(400, start_ticks=10**9)
    builder.packets += plain_stream(400, start_ticks=5).packets
    times = packet_times_ns(builder.write(tmp_path / "a.ts"))
    assert np.all(np.diff(times) >= 0)
    assert 780_000_000 <= times[-1] <= 830_000_000


def test_later_pmt_moves_the_clock_to_another_pid(tmp_path):
    builder = TsBuilder()
    builder.pat()
    for row in range(100):
        if row % 50 == 0:
            builder.pmt(pcr_pid=AUDIO_PID if row else VIDEO_PID, version=row // 50)
        builder.es(VIDEO_PID, pcr=row * 20 * TICKS_PER_MS)
        builder.es(AUDIO_PID, pcr=(900_000 + row * 20) * TICKS_PER_MS)
    times = packet_times_ns(builder.write(tmp_path / "a.ts"))
    assert np.all(np.diff(times) >= 0)
    assert 1_950_000_000 <= times[-1] <= 2_050_000_000


@pytest.mark.parametrize(
    "clock",
    [
        [(5, False)],
        [(5, False), (5, False)],  # stands still
        [(5, False), (8_000, False)],  # one long step, and nothing to hold against it
        [(9_000, False), (5, False)],
        [(5, False), (25, True), (45, True)],
    ],
)
def test_clock_that_does_not_tell_time_is_refused(tmp_path, clock):
    builder = TsBuilder()
    builder.pat()
    builder.pmt()
    for ms, discontinuity in clock:
        builder.es(VIDEO_PID, pcr=ms * TICKS_PER_MS, discontinuity=discontinuity)
        builder.es(VIDEO_PID)
    with pytest.raises(RemoteError, match="does not tell how time passes"):
        packet_times_ns(builder.write(tmp_path / "a.ts"))


def sparse_clock(step_ms, steps, splice_at=None, rate=lambda step: 60):
    builder = TsBuilder()
    builder.pat()
    builder.pmt()
    for step in range(steps + 1):
        shift_ms = 100_000 if splice_at is not None and step >= splice_at else 0
        builder.es(VIDEO_PID, pcr=(step * step_ms + shift_ms) * TICKS_PER_MS)
        for _ in range(rate(step)):
            builder.es(AUDIO_PID)
    return builder


@pytest.mark.parametrize("step_ms", [5_100, 6_000, 10_000, 60_000])
def test_sparse_clock_is_believed_where_its_steps_agree(tmp_path, step_ms):
    builder = sparse_clock(step_ms, 6)
    times = packet_times_ns(builder.write(tmp_path / "a.ts"))
    assert [times[at] for at in clock_positions(builder)] == [row * step_ms * 1_000_000 for row in range(7)]


def test_sparse_clock_of_a_variable_rate_is_believed(tmp_path):
    builder = sparse_clock(6_000, 8, rate=lambda step: (40, 90, 60, 75)[step % 4])
    times = packet_times_ns(builder.write(tmp_path / "a.ts"))
    assert [times[at] for at in clock_positions(builder)] == [row * 6_000_000_000 for row in range(9)]


def test_splice_of_a_sparse_clock_is_no_passing_of_time(tmp_path):
    builder = sparse_clock(6_000, 8, splice_at=4)
    times = packet_times_ns(builder.write(tmp_path / "a.ts"))
    assert [times[at] for at in clock_positions(builder)] == [row * 6_000_000_000 for row in range(9)]


def test_gap_of_a_recording_is_no_passing_of_time(tmp_path):
    """Twenty seconds of reception are missing: the packets say how much of the programme there is."""
    builder = plain_stream(2000)
    later = plain_stream(2000, start_ticks=22_000 * TICKS_PER_MS)
    builder.packets += later.packets
    times = packet_times_ns(builder.write(tmp_path / "a.ts"))
    assert 3_900_000_000 < times[-1] < 4_100_000_000


def test_clock_is_found_where_the_pmt_does_not_name_it(tmp_path):
    builder = plain_stream(1000)
    plain = packet_times_ns(builder.write(tmp_path / "a.ts"))
    for named in (0x1FFF, 0x555):
        odd = TsBuilder()
        odd.pat()
        odd.pmt(pcr_pid=named)
        odd.packets += [packet for packet in builder.packets if packet[1] & 0x1F != 0x10][1:]
        times = packet_times_ns(odd.write(tmp_path / "b.ts"))
        assert times[-1] == plain[-1]


def test_first_programme_with_a_clock_times_all(tmp_path):
    builder = TsBuilder()
    builder.pat({1: 0x1000, 2: 0x1001})
    builder.pmt(1, 0x1000, (Stream(0x04, 0x300),), pcr_pid=0x1FFF)
    builder.pmt(2, 0x1001, (Stream(0x1B, 0x200),), pcr_pid=0x200)
    for ms in range(0, 1000, 20):
        builder.es(0x200, pcr=ms * TICKS_PER_MS)
        builder.es(0x300)
    path = builder.write(tmp_path / "a.ts")
    assert 970_000_000 < packet_times_ns(path)[-1] < 1_000_000_000
    with pytest.raises(RemoteError, match=r"programme 1 has no PCR .*--programme 2"):
        packet_times_ns(path, 1)


def test_no_pcr_is_refused(tmp_path):
    builder = TsBuilder()
    builder.pat()
    builder.pmt()
    builder.es(VIDEO_PID)
    with pytest.raises(RemoteError, match="no PCR"):
        packet_times_ns(builder.write(tmp_path / "a.ts"))


@pytest.mark.parametrize(
    ("streams", "fine"),
    [
        ((Stream(0x05, 0x100),), False),
        ((Stream(0x06, 0x100, b"\x56\x00"),), False),  # teletext
        ((Stream(0x06, 0x100, b"\x6a\x00"),), True),  # AC-3
        ((Stream(0x06, 0x100, b"\x05\x04Opus"),), True),
        ((Stream(0x0F, 0x100),), True),  # radio
    ],
)
def test_programme_needs_picture_or_sound(tmp_path, streams, fine):
    builder = TsBuilder()
    builder.pat()
    builder.pmt(streams=streams)
    builder.es(VIDEO_PID, pcr=5)
    builder.es(VIDEO_PID, pcr=500_000)
    path = builder.write(tmp_path / "a.ts")
    if fine:
        assert len(packet_times_ns(path)) == 4
    else:
        with pytest.raises(RemoteError, match="neither a video nor an audio"):
            packet_times_ns(path)


def test_unknown_programme_names_those_there_are(tmp_path):
    path = plain_stream(100).write(tmp_path / "a.ts")
    with pytest.raises(RemoteError, match=r"no programme 9 .* has 1"):
        packet_times_ns(path, 9)


def test_no_pat_and_no_pmt_are_refused(tmp_path):
    builder = TsBuilder()
    builder.es(VIDEO_PID, pcr=5)
    with pytest.raises(RemoteError, match="no undamaged PAT"):
        packet_times_ns(builder.write(tmp_path / "a.ts"))
    builder.pat()
    with pytest.raises(RemoteError, match="no undamaged PMT"):
        packet_times_ns(builder.write(tmp_path / "b.ts"))


def test_portion_too_short_is_our_own_mistake(tmp_path):
    path = plain_stream(100).write(tmp_path / "a.ts")
    for seconds in (0.1, 0, -1, float("nan"), float("inf")):
        with pytest.raises(LocalError):
            portions_of(path, seconds)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"no transport stream" * 100, "no MPEG transport stream"),
        (b"\x47", "no MPEG transport stream"),
        (random.Random(1).randbytes(300_000), "no MPEG transport stream"),
        (bytes(300_000), "no MPEG transport stream"),
    ],
)
def test_what_is_no_stream_is_refused_by_name(tmp_path, data, says):
    path = tmp_path / "a.ts"
    path.write_bytes(data)
    with pytest.raises(RemoteError, match=says):
        TsFile(path)


def test_lost_sync_in_an_array_names_the_packet():
    data = bytearray(plain_stream(1000).bytes())
    data[300 * 188] = 0
    with pytest.raises(RemoteError, match="packet 307"):
        headers(np.frombuffer(data, np.uint8).reshape(-1, 188), 7)


def test_headers_of_every_adaptation_length():
    rows = []
    for control in range(4):
        rows += [bytes((0x47, 0x1F, 0x23, 0x80 | control << 4 | 5, length)) + bytes(183) for length in range(256)]
    fields = headers(np.frombuffer(b"".join(rows), np.uint8).reshape(-1, 188))
    for row in range(1024):
        control, length = divmod(row, 256)
        assert (fields.pid[row], fields.tsc[row], fields.afc[row], fields.cc[row]) == (0x1F23, 2, control, 5)
        expected = {0: 188, 1: 4, 2: 188, 3: min(5 + length, 188)}[control]
        assert fields.offset[row] == expected
        malformed = control == 0 or (control == 2 and length > 183) or (control == 3 and length > 182)
        assert fields.malformed[row] == malformed


def test_inverse_of_time_is_exact(tmp_path):
    rng = random.Random(5)
    builder = TsBuilder()
    builder.pat()
    builder.pmt()
    ticks = 0
    for _ in range(60):
        ticks += rng.randrange(1, 3_000_000)
        builder.es(VIDEO_PID, pcr=ticks)
        for _ in range(rng.randrange(30)):
            builder.es(AUDIO_PID)
    with TsFile(builder.write(tmp_path / "a.ts")) as source:
        timeline = programme_clock(survey(source), None)[1]
    every = timeline.all_ticks()
    assert [timeline.ticks(packet) for packet in range(len(every))] == every.tolist()
    for when in [*every.tolist(), *(rng.randrange(int(every[0]) - 9, int(every[-1]) + 9) for _ in range(500))]:
        assert timeline.first_packet_at(when) == int(np.searchsorted(every, when, "left"))
