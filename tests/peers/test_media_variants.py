"""A title that changes to a lighter variant and back is one stream to ffmpeg: every picture once, no complaint."""

import itertools
import subprocess

from headend.media.flow import Flow
from headend.media.sender import RtpSender
from headend.media.source import TsSource

PICTURES, SOUNDS = 300, 564
INPUTS = ("-f", "lavfi", "-i", "testsrc2=s=320x180:r=25", "-f", "lavfi", "-i", "sine=f=440:r=48000")


def encoded(ffmpeg, path, video, all_of_it):
    """Twelve seconds with a picture each second with which a decoder may begin."""
    coding = (
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-b:v",
        video,
        "-g",
        "25",
        "-c:a",
        "aac",
        "-muxrate",
        all_of_it,
    )
    subprocess.run([ffmpeg, "-v", "error", *INPUTS, *coding, "-t", "12", "-f", "mpegts", str(path)], check=True)
    return TsSource(path)


def frames(ffprobe, path):
    words = [ffprobe, "-v", "error", "-show_entries", "frame=media_type,pts_time", "-of", "csv=p=0", str(path)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    found = [line.split(",") for line in done.stdout.splitlines() if line]
    return [float(words[1]) for words in found if words[0] == "video"], sum(words[0] == "audio" for words in found)


def test_ffmpeg_decodes_every_picture_once_over_two_changes_of_the_variant(need, tmp_path):
    ffmpeg, ffprobe = need("ffmpeg"), need("ffprobe")
    heavy = encoded(ffmpeg, tmp_path / "heavy.ts", "500k", "1500k")
    light = encoded(ffmpeg, tmp_path / "light.ts", "200k", "700k")
    sender = RtpSender(heavy, 1, 0, 0, 0, lighter=(light,))
    sender.flow = Flow(1, 500_000, 500, 0)
    sender.flow.ready = lambda octets, media_ms, now_ms: media_ms <= now_ms
    sender.flow.wants_lighter = lambda now_ms: 3_000 < now_ms < 6_000
    sender.flow.wants_heavier = lambda now_ms: now_ms > 7_000
    sender.play(0)
    out, sources = b"", []
    for now_ms in range(0, 14_000, 5):
        for packet in sender.due(now_ms):
            out += packet[12:]
        if not sources or sources[-1] is not sender.source:
            sources.append(sender.source)
    assert sender.ended and sources == [heavy, light, heavy]
    spliced = tmp_path / "spliced.ts"
    spliced.write_bytes(out)
    words = [ffmpeg, "-v", "warning", "-i", str(spliced), "-map", "0", "-f", "null", "-"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    times, sounds = frames(ffprobe, spliced)
    assert len(times) == PICTURES and abs(sounds - SOUNDS) <= 4  # a sound may be cut at each change
    assert {round(after - before, 3) for before, after in itertools.pairwise(times)} == {0.04}
