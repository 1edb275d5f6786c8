"""Programs that nobody here wrote read the scrambled stream, and play the descrambled one."""

import json
import subprocess
from pathlib import Path

import pytest
from headend.ts.descrambler import descramble_file
from headend.ts.scrambler import scramble_file

from tests.helpers.clips import CLIPS, clip

SECRET = bytes(range(100, 132))
BROADCAST = bytes(range(8))

pytestmark = pytest.mark.peer


@pytest.fixture(autouse=True)
def judges(need):
    for program in ("ffmpeg", "ffprobe", "tshark"):
        need(program)


def scrambled(name: str, folder: Path):
    source, out, keys, back = clip(name), folder / "out.ts", folder / "keys.json", folder / "back.ts"
    result = scramble_file(source, out, 1.0, SECRET, BROADCAST)
    keys.write_text(json.dumps(result.as_json()))
    descramble_file(out, back, keys)
    return source, out, back, result


def probe(path: Path):
    """[(programme, PMT PID, PCR PID, [stream PIDs])]; ffprobe must have nothing to complain about."""
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_programs", str(path)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    complaints = [line for line in done.stderr.splitlines() if "PMT" in line or "PAT" in line or "section" in line]
    assert complaints == []
    return [
        (one["program_num"], one["pmt_pid"], one["pcr_pid"], [stream["id"] for stream in one["streams"]])
        for one in json.loads(done.stdout)["programs"]
    ]


def frame_hashes(path: Path) -> str:
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-map", "0", "-f", "framemd5", "-"]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    assert done.stderr == ""
    return done.stdout


def tshark(path: Path, shown: str, *fields: str) -> list[list[str]]:
    command = ["tshark", "-r", str(path), "-X", "read_format:MPEG2 transport stream", "-Y", shown, "-T", "fields"]
    command += ["-o", "mpeg_sect.verify_crc:TRUE"]
    for field in fields:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


@pytest.mark.parametrize("name", CLIPS)
def test_ffprobe_finds_the_same_programmes_and_streams(name, tmp_path):
    source, out, _, _ = scrambled(name, tmp_path)
    assert probe(source)
    assert probe(out) == probe(source)


@pytest.mark.parametrize("name", CLIPS)
def test_ffmpeg_decodes_the_descrambled_file_to_the_same_frames(name, tmp_path):
    source, _, back, _ = scrambled(name, tmp_path)
    hashes = frame_hashes(back)
    assert len(hashes.splitlines()) > 100
    assert hashes == frame_hashes(source)


def test_tshark_sees_the_ca_descriptor_and_a_good_crc(tmp_path):
    _, out, _, result = scrambled("h264_aac_cbr", tmp_path)
    fields = ("mpeg_descr.tag", "mpeg_descr.ca.sys_id", "mpeg_descr.ca.pid", "mpeg_sect.crc.invalid")
    tables = tshark(out, "mpeg_pmt", *fields)
    assert len(tables) > 40
    for tags, system, pid, invalid in tables:
        assert {"0x09", "0x65"} <= set(tags.split(","))
        assert int(system, 0) == 0xFFFE
        assert int(pid, 0) == result.ca_pid
        assert not invalid


def test_tshark_would_see_a_wrong_crc(tmp_path):
    _, out, _, _ = scrambled("h264_aac_cbr", tmp_path)
    data = bytearray(out.read_bytes())
    pmt = next(at for at in range(0, len(data), 188) if data[at + 1 : at + 3] == b"\x50\x00")
    data[pmt + 20] ^= 1
    out.write_bytes(data)
    assert len(tshark(out, "mpeg_sect.crc.invalid", "frame.number")) == 1


def test_tshark_sees_even_and_odd_scrambling_control(tmp_path):
    _, out, back, result = scrambled("h264_aac_cbr", tmp_path)
    seen = [int(row[0], 0) for row in tshark(out, "mp2t", "mp2t.tsc")]
    assert len(seen) == result.packets
    assert sum(value >= 2 for value in seen) == result.scrambled
    assert {0, 2, 3} == set(seen)
    assert {int(row[0], 0) for row in tshark(back, "mp2t", "mp2t.tsc")} == {0}


def test_tshark_finds_no_continuity_error(tmp_path):
    _, out, _, _ = scrambled("h264_aac_cbr", tmp_path)
    assert tshark(out, "mp2t.cc.drop", "mp2t.pid") == []
