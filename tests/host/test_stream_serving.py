"""The streaming server over real sockets, with titles that are not in the clear: who has a token plays them."""

import os
import selectors
import shutil
import socket
import subprocess
import threading
import time

import pytest
from headend.media.serving import MediaServer
from headend.stream.folder import Library
from headend.stream.gate import TokenGate
from settop.media.guard import Guard
from settop.media.rtsp_client import RtspClient
from settop.wire import sdp
from settop.wire.rtsp_fields import Transport

from tests.helpers.clips import clip, have_ffmpeg
from tests.helpers.stream_bench import TOKENS

pytestmark = pytest.mark.skipif(not have_ffmpeg(), reason="ffmpeg makes the clip; apt-get install ffmpeg")
LIMIT_S = 60


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("titles")
    for name in ("film", "free"):
        (folder / f"{name}.ts").write_bytes(clip("radio").read_bytes())
    (folder / "film.toml").write_text('suites = ["AES_CM_128_HMAC_SHA1_80"]\n')
    (folder / "free.toml").write_text("free = true\nclear = true\n")
    server = MediaServer(Library(folder), rtsp_port=0, gate=TokenGate(TOKENS))
    thread = threading.Thread(target=server.run)
    thread.start()
    yield server
    server.stop()
    thread.join()


class Viewer:
    """Control by TCP, data by UDP; waits for what it wants."""

    def __init__(self, server, user="ann", lasts_s=60):
        self.url = server.url("film")
        text = TOKENS.issue("film", user, round(time.time() * 1000) + 1000 * lasts_s, b"number 1")
        self.guard = Guard(text, user, (1,), os.urandom)
        self.client = RtspClient(self.url, guard=self.guard)
        self.line = socket.create_connection(server.address)
        self.media, self.reports = _pair()
        self.packets = {}
        self.goodbye = False

    def wait(self, until):
        """Steps until that is true or the server ends the connection."""
        with selectors.DefaultSelector() as selector:
            for one in (self.line, self.media, self.reports):
                selector.register(one, selectors.EVENT_READ)
            end_s = time.monotonic() + LIMIT_S
            while not until():
                assert time.monotonic() < end_s
                data = self.client.to_send()
                if data is not None:
                    self.client.sent(self.line.send(data))
                    continue
                for key, _ in selector.select(0.1):
                    if not self.read(key.fileobj):
                        return

    def read(self, one):
        data = one.recv(2048)
        if one is self.line:
            if data:
                self.client.receive(data, 0)
            return bool(data)
        packet, size = bytearray(data), len(data)
        if one is self.media:
            size = self.guard.open(packet, size)
            self.packets[int.from_bytes(packet[2:4], "big")] = bytes(packet[12:size])
        else:
            size = self.guard.open_report(packet, size)
            self.goodbye |= packet[size - 8 : size - 4] == b"\x81\xcb\x00\x01"
        return True

    def event(self):
        found = []

        def came():
            event = self.client.next_event()
            if event is not None:
                found.append(event)
            return bool(found)

        self.wait(came)
        return found[0]

    def close(self):
        for one in (self.line, self.media, self.reports):
            one.close()


def _pair():
    while True:
        first = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        first.bind(("127.0.0.1", 0))
        second = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            second.bind(("127.0.0.1", first.getsockname()[1] + 1))
        except OSError:
            first.close()
            second.close()
        else:
            return first, second


def test_who_has_a_token_gets_every_octet(served):
    viewer = Viewer(served)
    viewer.client.describe(0)
    _, found, base = viewer.event()
    port = viewer.media.getsockname()[1]
    way = Transport(True, client=(port, port + 1))
    viewer.client.set_up(sdp.control_url(base, found.media[0].control), [way], 0)
    assert viewer.event()[0] == "set_up"
    viewer.client.play(0, 5_000)
    _, start_ms, _, _ = viewer.event()
    viewer.wait(lambda: viewer.goodbye)
    source = served.server._library.find("film").source
    wanted = clip("radio").read_bytes()[188 * source.packet_at(start_ms) :]
    assert b"".join(viewer.packets[number] for number in sorted(viewer.packets)) == wanted
    assert viewer.guard.dropped == 0 and len(wanted) > 10_000
    viewer.close()


@pytest.mark.parametrize(("user", "lasts_s"), [("ann", -1), ("", 60)])
def test_who_has_none_is_told_so_and_left(served, user, lasts_s):
    viewer = Viewer(served, user, lasts_s)
    viewer.guard._user = "ann"
    viewer.client.describe(0)
    assert viewer.event() == ("refused", "DESCRIBE", 401)
    assert viewer.line.recv(1) == b""
    viewer.close()


def test_any_player_plays_what_is_free_and_clear_and_nothing_else(served):
    ffmpeg = shutil.which("ffmpeg")
    results = []
    for name in ("free", "film"):
        command = [ffmpeg, "-v", "error", "-t", "1", "-i", served.url(name), "-f", "null", "-"]
        done = subprocess.run(command, capture_output=True, timeout=LIMIT_S, check=False)
        results.append((done.returncode == 0, b"401" in done.stderr))
    assert results == [(True, False), (False, True)]
