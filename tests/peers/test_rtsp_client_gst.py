"""The viewer's RTSP against gst-rtsp-server, which nobody here wrote: every octet of a title, between the messages."""

import contextlib
import hashlib
import json
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
from settop.media.rtsp_client import RtspClient
from settop.wire.rtsp_fields import Transport
from settop.wire.sdp import control_url

from tests.helpers.clips import clip
from tests.helpers.commands import ringcast
from tests.peers.conftest import INSTALL, missing

SERVER = Path(__file__).parents[1] / "helpers" / "gst_server.py"
PYTHON = "/usr/bin/python3"
OCTETS = 188 * 7 * 200
WITHIN_S = 30


@contextlib.contextmanager
def served(path):
    """The port of a server of that file."""
    words = [PYTHON, str(SERVER), str(path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            said = process.stdout.readline().strip()
            if not said:
                missing("gst-rtsp-server for " + PYTHON, "as root: apt-get install " + INSTALL["gst-rtsp-server"])
            yield int(said)
        finally:
            process.kill()


class Viewer:
    """The client's core over one connection."""

    def __init__(self, port):
        self.line = socket.create_connection(("127.0.0.1", port), timeout=0.2)
        self.payload = bytearray()
        self.reports = 0
        self.client = RtspClient(f"rtsp://127.0.0.1:{port}/film", self._frame, frame_octets=2048, head_octets=2048)

    def _frame(self, channel, view):
        if channel == 0:
            assert view[0] == 0x80 and view[1] & 0x7F == 33
            self.payload += view[12:]
        else:
            self.reports += 1

    def until(self, name=None, enough=None):
        """The next event of this name, or None once `enough()`."""
        end_s = time.monotonic() + WITHIN_S
        while time.monotonic() < end_s:
            now_ms = time.monotonic_ns() // 1_000_000
            while (event := self.client.next_event()) is not None:
                assert event[0] == name, event
                return event
            if enough is not None and enough():
                return None
            while (data := self.client.to_send()) is not None:
                self.client.sent(self.line.send(data))
            with contextlib.suppress(TimeoutError):
                data = self.line.recv(65536)
                self.client.receive(data, now_ms) if data else self.client.ended()
            self.client.poll(now_ms)
        raise AssertionError(f"nothing within {WITHIN_S} s, in state {self.client.state}")


def test_a_title_of_gst_rtsp_server_comes_whole(tmp_path):
    if not Path(PYTHON).exists() or shutil.which("ffmpeg") is None:
        missing(PYTHON + " and ffmpeg", "as root: apt-get install python3 ffmpeg")
    path = tmp_path / "film.ts"
    path.write_bytes(clip("h264_aac_cbr").read_bytes()[:OCTETS])
    with served(path) as port:
        viewer = Viewer(port)
        client = viewer.client
        client.describe(0)
        _, description, base = viewer.until("described")
        (medium,) = description.media
        assert medium.maps["33"] == ("mp2t", 90_000)
        client.set_up(control_url(base, medium.control), [Transport(channels=(0, 1))], 0)
        assert viewer.until("set_up")[1].channels == (0, 1)
        client.play(0)
        assert viewer.until("playing")[0] == "playing"
        viewer.until(enough=lambda: len(viewer.payload) >= OCTETS)
        client.tear_down(0)
        assert viewer.until("ended") == ("ended",)
    assert viewer.payload == path.read_bytes()


@pytest.mark.parametrize("by", ["udp", "tcp"])
def test_stream_play_plays_a_title_of_gst_rtsp_server_to_its_last_octet(tmp_path, by):
    if not Path(PYTHON).exists() or shutil.which("ffmpeg") is None:
        missing(PYTHON + " and ffmpeg", "as root: apt-get install python3 ffmpeg")
    path, out, seen = tmp_path / "film.ts", tmp_path / "out.ts", tmp_path / "seen.json"
    path.write_bytes(clip("h264_aac_cbr").read_bytes()[:OCTETS])
    with served(path) as port:
        options = ["--out", out, "--json", seen, *(["--tcp"] if by == "tcp" else [])]
        ended = ringcast("stream", "play", f"rtsp://127.0.0.1:{port}/film", *options)
        assert ended.status == 0, ended.err
        missed = ringcast("stream", "play", f"rtsp://127.0.0.1:{port}/films")
        assert missed.status == 1 and "no such title" in missed.complaint
    assert out.read_bytes() == path.read_bytes()
    told = json.loads(seen.read_text())
    assert told["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (told["lost"], told["late"], told["overruns"]) == (0, 0, 0)


def test_a_title_that_it_has_not_is_refused(tmp_path):
    path = tmp_path / "film.ts"
    path.write_bytes(bytes(188))
    with served(path) as port:
        viewer = Viewer(port)
        viewer.client.url += "s"
        viewer.client.describe(0)
        assert viewer.until("refused") == ("refused", "DESCRIBE", 404)


@pytest.fixture(autouse=True)
def _no_socket_left(monkeypatch):
    """Connections of the tests end with them."""
    made = []
    create = socket.create_connection
    monkeypatch.setattr(socket, "create_connection", lambda *a, **k: made.append(create(*a, **k)) or made[-1])
    yield
    for one in made:
        one.close()
