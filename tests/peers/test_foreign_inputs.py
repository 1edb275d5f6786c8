"""Transport streams that ffmpeg made, through the whole demo: cut, scrambled, called for, opened, compared."""

import itertools
import json
import subprocess

import pytest

from tests.helpers.commands import demo

PICTURE = ["-f", "lavfi", "-i", "testsrc2=s=160x120:r=25"]
SOUND = ["-f", "lavfi", "-i", "sine=f=440:r=48000"]
H264 = ["-c:v", "libx264", "-preset", "ultrafast", "-b:v", "200k", "-maxrate", "250k", "-bufsize", "100k", "-g", "25"]
MPEG2 = ["-c:v", "mpeg2video", "-b:v", "300k", "-maxrate", "300k", "-bufsize", "200k", "-g", "12"]
AAC = ["-c:a", "aac", "-b:a", "48k"]
TWO = ["-map", "0:v", "-map", "1:a", "-map", "0:v", "-map", "1:a"]
WRAP_S = 2**33 / 90_000  # 26.5 hours: there the clock of a transport stream starts again

CASES = {
    "h264 and aac": (PICTURE + SOUND, [*H264, *AAC]),
    "h264 at a constant rate with null packets": (PICTURE + SOUND, [*H264, *AAC, "-muxrate", "600k"]),
    "mpeg2 and mp2": (PICTURE + SOUND, [*MPEG2, "-c:a", "mp2", "-b:a", "64k"]),
    "sound only": (SOUND, AAC),
    "picture only": (PICTURE, H264),
    "two programmes": (
        PICTURE + SOUND,
        [*TWO, *H264, *AAC, "-program", "program_num=1:st=0:st=1", "-program", "program_num=7:st=2:st=3"],
    ),
    "clock that wraps in the middle": (
        PICTURE + SOUND,
        [*H264, *AAC, "-output_ts_offset", f"{WRAP_S - 4.5:.3f}", "-muxdelay", "0.4"],
    ),
    "short and odd packets of sound, a clock reference in each": (
        PICTURE + SOUND,
        [*H264, *AAC, "-pes_payload_size", "0", "-pcr_period", "20"],
    ),
    "frame per packet unit, tables seldom": (
        PICTURE + SOUND,
        [*MPEG2, *AAC, "-pat_period", "0.9", "-omit_video_pes_length", "0"],
    ),
    "other PIDs": (PICTURE + SOUND, [*H264, *AAC, "-mpegts_start_pid", "0x1f0", "-mpegts_pmt_start_pid", "0x60"]),
}


def make(need, path, inputs, options):
    command = [need("ffmpeg"), "-v", "error", *inputs, *options, "-t", "7", "-threads", "1", "-f", "mpegts", path]
    subprocess.run(list(map(str, command)), check=True)
    return path


def assert_clears(tmp_path, *arguments):
    ended = demo(tmp_path, "--portion-seconds", 1, "--dial-at", 0.2, "--hang-up-at", 5.4, *arguments)
    assert ended.status == 0, ended.complaint + ended.out
    portions = json.loads((tmp_path / "seen.json").read_text())["portions"]
    whole = [p for p in portions if p["clear_packets"] == p["scrambled_packets"] > 0 and p["clear_equal_original"]]
    assert len(whole) >= 2
    assert sum(p["damaged_packets"] for p in portions) == 0
    assert portions[0]["clear_packets"] == portions[-1]["clear_packets"] == 0
    return portions


@pytest.mark.parametrize("name", CASES)
def test_stream_of_ffmpeg_clears_in_the_call(name, need, tmp_path):
    path = make(need, tmp_path / "in.ts", *CASES[name])
    assert_clears(tmp_path, "--input", path)


def test_second_programme_alone_can_be_scrambled(need, tmp_path):
    path = make(need, tmp_path / "in.ts", *CASES["two programmes"])
    both = assert_clears(tmp_path, "--input", path)
    one = assert_clears(tmp_path, "--input", path, "--programme", 7)
    assert 0 < sum(p["scrambled_packets"] for p in one) < sum(p["scrambled_packets"] for p in both)


def test_clip_that_wraps_is_cut_as_if_it_did_not(need, tmp_path):
    inputs, options = CASES["clock that wraps in the middle"]
    path = make(need, tmp_path / "in.ts", inputs, options)
    starts = [p["started_ms"] for p in assert_clears(tmp_path, "--input", path)]
    assert starts == list(range(0, 1000 * len(starts), 1000))
    assert 6 <= len(starts) <= 8
    bases = clock_references(path.read_bytes())
    steps = [after - before for before, after in itertools.pairwise(bases)]
    assert min(steps) < -(2**32)
    assert sum(step < 0 for step in steps) == 1


def test_player_of_a_non_caller_finds_no_picture_and_that_of_a_caller_does(need, tmp_path):
    path = make(need, tmp_path / "in.ts", *CASES["h264 and aac"])
    assert_clears(tmp_path, "--input", path)
    assert frames(need, tmp_path / "received.ts") >= 50
    assert frames(need, tmp_path / "broadcast.ts") < 3


def clock_references(stream):
    """The 33-bit bases of all PCRs of the first PID that has any."""
    found = {}
    for at in range(0, len(stream), 188):
        packet = stream[at : at + 188]
        if packet[3] & 0x20 and packet[4] >= 7 and packet[5] & 0x10:
            found.setdefault(packet[1:3], []).append(int.from_bytes(packet[6:11], "big") >> 7)
    return next(iter(found.values()))


def frames(need, path):
    """Pictures that ffprobe can decode."""
    probe = [need("ffprobe"), "-v", "quiet", "-select_streams", "v", "-count_frames"]
    probe += ["-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", str(path)]
    text = subprocess.run(probe, capture_output=True, text=True).stdout.strip().split("\n")[0]
    return int(text) if text.isdigit() else 0
