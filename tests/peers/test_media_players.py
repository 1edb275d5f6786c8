"""A clear title in players that nobody here wrote: ffmpeg and GStreamer get every octet of it, by UDP and by TCP."""

import hashlib
import subprocess
import time

import pytest

from tests.helpers.clips import clip
from tests.helpers.media import served
from tests.helpers.shop_process import running

OCTETS = 188 * 7 * 240 + 188 * 3  # about two seconds of 1,500 kbit/s, and a last packet that is not full
WITHIN_S = 60


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """A file of two seconds."""
    path = tmp_path_factory.mktemp("titles") / "film.ts"
    path.write_bytes(clip("h264_aac_cbr").read_bytes()[:OCTETS])
    return path


def frames(ffmpeg, *source):
    """{stream: the SHA-256 of each of its packets}, as ffmpeg's demultiplexer takes them out."""
    words = [ffmpeg, "-v", "error", *source, "-map", "0", "-c", "copy", "-f", "framehash", "-hash", "sha256", "-"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        if not line.startswith("#"):
            words = line.replace(" ", "").split(",")
            found.setdefault(words[0], []).append(words[-1])
    return found


def check(got, wanted):
    """Both streams are there, whole."""
    assert got.keys() == wanted.keys() and len(wanted) == 2
    for stream, all_of in wanted.items():
        whole = all_of[:-8]  # of the last PES packet nothing behind it says that it is whole: ffmpeg lets it go
        assert len(whole) > 30 and got[stream][: len(whole)] == whole


@pytest.mark.parametrize("way", ["udp", "tcp"])
def test_ffmpeg_gets_every_frame(need, film, way):
    ffmpeg = need("ffmpeg")
    with served(film=film) as server:
        got = frames(ffmpeg, "-rtsp_transport", way, "-i", server.url("film"))
    check(got, frames(ffmpeg, "-i", str(film)))


def test_ffmpeg_plays_from_the_command_that_serves(need, film):
    ffmpeg = need("ffmpeg")
    film.with_suffix(".toml").write_text("free = true\nclear = true\n")
    with running("serve", "--titles", film.parent, group="stream", port="--rtsp-port") as server:
        got = frames(ffmpeg, "-rtsp_transport", "udp", "-i", server.url.replace("NAME", "film"))
    check(got, frames(ffmpeg, "-i", str(film)))


@pytest.mark.parametrize("way", ["udp", "tcp"])
def test_gstreamer_gets_every_octet(need, film, tmp_path, way):
    """What came is judged, not how gst-launch ends: on BYE rtspsrc 1.22 now and then breaks off its own PAUSE, and by
    TCP waits on."""
    launch = need("gst-launch-1.0")
    got = tmp_path / "got.ts"
    with served(film=film) as server:
        words = [launch, "-q", "rtspsrc", f"location={server.url('film')}", f"protocols={way}", "latency=200"]
        words += ["!", "rtpmp2tdepay", "!", "filesink", f"location={got}", "buffer-mode=unbuffered"]
        with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as player:
            until_s = time.monotonic() + WITHIN_S
            while time.monotonic() < until_s and player.poll() is None:
                if got.exists() and got.stat().st_size >= OCTETS:
                    break
                time.sleep(0.05)
            time.sleep(0.2)  # in which more could come
            player.terminate()
            _, said = player.communicate(timeout=WITHIN_S)
    octets = got.read_bytes()
    assert len(octets) == OCTETS, said
    assert hashlib.sha256(octets).digest() == hashlib.sha256(film.read_bytes()).digest()
