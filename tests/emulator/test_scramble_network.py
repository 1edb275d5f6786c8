"""`ringcast scramble` from and to udp://, as a program on loopback, and pictures of joined streams."""

import json
import random
import socket
import subprocess
import sys
import threading
import time

import pytest
from headend.ts.descrambler import descramble_file
from headend.ts.io.once import PacketCutter
from testbed.scenario.broadcasts.pictures import frame_at

from tests.helpers.clips import CLIPS, clip, have_ffmpeg
from tests.helpers.on_air import packets_of, pid_of, watch
from tests.helpers.ts_builder import plain_stream

DATA = plain_stream(2000).bytes()
OPTIONS = ("--portion-seconds", "0.5", "--programme-secret", "00" * 32, "--keys-out", "keys.json")


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Listener(threading.Thread):
    """Receives what comes to `port`, with the times, until `silence_s` after the first datagram."""

    def __init__(self, silence_s=2.0):
        super().__init__()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(30)
        self.port, self.silence_s = self.socket.getsockname()[1], silence_s
        self.data, self.times = b"", []
        self.start()

    def run(self):
        with self.socket:
            try:
                while True:
                    self.data += self.socket.recv(2000)
                    self.times.append(time.monotonic())
                    self.socket.settimeout(self.silence_s)
            except TimeoutError:
                pass


def send(data, port, rtp=b""):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for at in range(0, len(data), 1316):
            sender.sendto(rtp + data[at : at + 1316], ("127.0.0.1", port))
            time.sleep(0.003)


def start(folder, *words):
    command = [sys.executable, "-P", "-m", "testbed.cli", "scramble", *map(str, words), *OPTIONS]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_port(port):
    """Until somebody has bound it."""
    for _ in range(300):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                return
        time.sleep(0.05)
    raise AssertionError("nobody listens")


def assert_opens(folder, data):
    seen = watch(data)
    assert seen.pmts
    assert not seen.clear
    (folder / "got.ts").write_bytes(data)
    assert descramble_file(folder / "got.ts", folder / "back.ts", folder / "keys.json").left_scrambled == 0
    streams = [
        [one for one in packets_of(some) if pid_of(one) in (0x100, 0x101)]
        for some in (DATA, (folder / "back.ts").read_bytes())
    ]
    assert streams[0] == streams[1]


@pytest.mark.parametrize("rtp", [b"", b"\x80\x21\x00\x01" + bytes(8)])
def test_stream_from_the_network_goes_into_a_file(tmp_path, rtp):
    port = free_port()
    process = start(tmp_path, f"udp://127.0.0.1:{port}?timeout=1", "out.ts")
    wait_for_port(port)
    send(DATA, port, rtp)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "4 portions" in out
    assert_opens(tmp_path, (tmp_path / "out.ts").read_bytes())


def test_file_goes_to_the_network_at_the_pace_of_its_clock(tmp_path):
    (tmp_path / "in.ts").write_bytes(DATA)
    listener = Listener()
    process = start(tmp_path, "in.ts", f"udp://127.0.0.1:{listener.port}")
    out, err = process.communicate(timeout=60)
    listener.join()
    assert process.returncode == 0, err
    assert "datagrams paced by PCR, late by" in out
    assert 1.5 < listener.times[-1] - listener.times[0] < 10  # two seconds of programme, on a machine that may be busy
    assert_opens(tmp_path, listener.data)


def test_stream_goes_from_network_to_network(tmp_path):
    port, listener = free_port(), Listener(3.0)
    process = start(tmp_path, f"udp://127.0.0.1:{port}?timeout=1", f"udp://127.0.0.1:{listener.port}")
    wait_for_port(port)
    send(DATA, port)
    out, err = process.communicate(timeout=60)
    listener.join()
    assert process.returncode == 0, err
    assert "paced by PCR" in out
    assert_opens(tmp_path, listener.data)


def test_duration_ends_an_input_without_end(tmp_path):
    port = free_port()
    process = start(tmp_path, f"udp://127.0.0.1:{port}", "out.ts", "--duration", "1")
    wait_for_port(port)
    sender = threading.Thread(target=send, args=(DATA * 4, port))
    sender.start()
    _, err = process.communicate(timeout=60)
    sender.join()
    assert process.returncode == 0, err
    assert len(json.loads((tmp_path / "keys.json").read_text())["portions"]) >= 1


@pytest.mark.parametrize("words", [("udp://x", "out.ts"), ("in.ts", "udp:/127.0.0.1:5"), ("in.ts", "udp://127.0.0.1")])
def test_half_an_address_is_one_line_and_leaves_nothing(tmp_path, words):
    (tmp_path / "in.ts").write_bytes(DATA)
    process = start(tmp_path, *words)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in err
    assert [path.name for path in tmp_path.iterdir()] == ["in.ts"]


@pytest.mark.parametrize("seed", range(20))
def test_cutter_gives_the_same_packets_however_the_octets_come(seed):
    rng = random.Random(seed)
    data = bytearray(DATA)
    for _ in range(rng.randrange(4)):
        at = rng.randrange(len(data))
        data[at : at + rng.randrange(1, 400)] = rng.randbytes(rng.randrange(300))
    whole = PacketCutter()
    wanted = whole.cut(bytes(data), last=True).tobytes()
    cutter, got, at = PacketCutter(), b"", 0
    while at < len(data):
        size = rng.choice((1, 100, 188, 5000))
        got += cutter.cut(bytes(data[at : at + size])).tobytes()
        at += size
    got += cutter.cut(b"", last=True).tobytes()
    assert set(packets_of(got)) >= set(packets_of(wanted)) & set(packets_of(DATA))
    assert all(packet[0] == 0x47 for packet in packets_of(got))
    assert len(got) + cutter.skipped == len(data)


@pytest.mark.skipif(not have_ffmpeg(), reason="ffmpeg makes the clips")
def test_joined_streams_with_other_tables_are_pictured_without_a_traceback():
    joined = [clip(name).read_bytes() for name in list(CLIPS)[:3]]
    for first in joined:
        for second in joined:
            cut = first[: len(first) // 376 * 188] + second
            frame_at(cut)
            frame_at(cut[: 188 * 3])
