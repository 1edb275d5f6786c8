"""`ringcast stream play`: the firmware's viewer over real sockets, with the real streaming server at the other end."""

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest
from headend.media.serving import MediaServer
from headend.media.session import Title
from headend.media.source import TsSource
from headend.stream.gate import TokenGate
from headend.stream.tokens import KEY_BYTES, Tokens
from settop.wire import stream as wire
from testbed.streaming.faces import Wanted
from testbed.streaming.viewer import Viewer

from tests.helpers.clips import clip, have_ffmpeg
from tests.helpers.commands import ringcast

pytestmark = pytest.mark.skipif(not have_ffmpeg(), reason="ffmpeg makes the clip; apt-get install ffmpeg")
TOKENS = Tokens(bytes(range(KEY_BYTES)))
PACKETS = 1_000  # of 188 octets, 1.0 s of the clip
FEWER = 300  # Triple DES in plain Python is slow
TITLES = {
    "open": (),
    "counter": (wire.AES_CM_SHA1_80,),
    "galois": (wire.AES_GCM_128,),
    "triple": (wire.TDES_SHA1_80,),
    "long": (wire.AES_CM_SHA1_80,),
}


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """A file for each title."""
    folder, octets = tmp_path_factory.mktemp("titles"), clip("h264_aac_cbr").read_bytes()
    sizes = {"triple": FEWER, "long": len(octets) // 188}
    for name in TITLES:
        (folder / name).write_bytes(octets[: 188 * sizes.get(name, PACKETS)])
    return folder


@contextmanager
def serving(films):
    """A streaming server of them, and a function that ends it."""
    titles = {name: Title(name, TsSource(films / name), suites=suites) for name, suites in TITLES.items()}
    server = MediaServer(type("Shelf", (), {"find": staticmethod(titles.get)})(), rtsp_port=0, gate=TokenGate(TOKENS))
    thread = threading.Thread(target=server.run)
    thread.start()

    def end():
        if thread.is_alive():
            server.stop()
            thread.join()

    try:
        yield server, end
    finally:
        end()


@pytest.fixture
def server(films):
    with serving(films) as (server, _):
        yield server


def token(title, user="ann"):
    return TOKENS.issue(title, user, time.time_ns() // 1_000_000 + 3_600_000, b"number 1")


def play(*arguments):
    return ringcast("stream", "play", *arguments)


def no_session_is_left(server):
    """Soon: TEARDOWN was said."""
    for _ in range(100):
        if not server.server.sessions:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("by", ["udp", "tcp"])
def test_a_title_in_the_clear_is_played_to_its_last_octet_at_its_own_pace(server, films, tmp_path, by):
    out, seen = tmp_path / "out.ts", tmp_path / "seen.json"
    began_s = time.monotonic()
    ended = play(server.url("open"), "--out", out, "--json", seen, *(["--tcp"] if by == "tcp" else []))
    assert ended.status == 0, ended.err
    octets = (films / "open").read_bytes()
    assert out.read_bytes() == octets
    told = json.loads(seen.read_text())
    assert told["sha256"] == hashlib.sha256(octets).hexdigest() and told["octets"] == len(octets)
    assert (told["state"], told["transport"], told["suite"]) == ("ended", by, None)
    assert (told["packets"], told["lost"], told["late"], told["overruns"]) == (-(-PACKETS // 7), 0, 0, 0)
    assert 0 < told["duration_ms"] - 100 < 1000 * (time.monotonic() - began_s)
    assert told["sha256"] in ended.complaint and no_session_is_left(server)


@pytest.mark.parametrize("by", ["udp", "tcp"])
@pytest.mark.parametrize("name", ["counter", "galois", "triple"])
def test_who_has_a_token_gets_every_octet_under_each_suite(server, films, tmp_path, monkeypatch, name, by):
    out, seen = tmp_path / "out.ts", tmp_path / "seen.json"
    monkeypatch.setenv("RINGCAST_TOKEN", token(name))
    options = ["--user", "ann", "--buffer-ms", 200, "--out", out, "--json", seen, *(["--tcp"] if by == "tcp" else [])]
    ended = play(server.url(name), *options)
    assert ended.status == 0, ended.err
    assert out.read_bytes() == (films / name).read_bytes()
    told = json.loads(seen.read_text())
    assert told["suite"] == wire.suite_of(TITLES[name][0])[1] and told["dropped"] == told["lost"] == 0
    assert name == "triple" or 0 <= told["least_ms"] <= told["most_ms"]


def test_a_token_comes_from_a_file_from_the_environment_or_in_the_worst_case_as_a_word(server, tmp_path, monkeypatch):
    path = tmp_path / "token"
    path.write_text(token("triple") + "\nmore\n")
    monkeypatch.setenv("RINGCAST_TOKEN", "what the file goes before")
    assert play(server.url("triple"), "--user", "ann", "--token-file", path).status == 0
    assert play(server.url("triple"), "--user", "ann", "--token", token("triple")).status == 0


@pytest.mark.parametrize(
    ("shown", "user"),
    [(token("galois"), "ann"), (token("counter", "bob"), "ann"), (token("counter"), "bob")],
    ids=["of another title", "of another user", "of somebody else"],
)
def test_a_token_that_is_not_good_is_refused_and_not_said_again(server, tmp_path, monkeypatch, shown, user):
    monkeypatch.setenv("RINGCAST_TOKEN", shown)
    ended = play(server.url("counter"), "--user", user, "--out", tmp_path / "out.ts")
    assert ended.status == 1
    assert ended.complaint.startswith("ringcast stream play: the token is not good")
    assert shown not in ended.err and not (tmp_path / "out.ts").exists()


@pytest.mark.parametrize("text", ["", "x", "A" * 95, "A" * 97, "!" * 96])
def test_what_is_no_token_is_refused_without_asking_anybody(tmp_path, text):
    path = tmp_path / "token"
    path.write_text(text)
    ended = play("rtsp://127.0.0.1:1/film", "--user", "ann", "--token-file", path)
    assert ended.status == 1 and "token" in ended.complaint and "no streaming server" not in ended.err
    assert len(text) < 9 or text not in ended.err


def test_a_title_that_wants_a_token_says_so_to_who_has_none(server, monkeypatch):
    monkeypatch.delenv("RINGCAST_TOKEN", raising=False)
    ended = play(server.url("counter"))
    assert ended.status == 1 and "wants a token" in ended.complaint


def test_who_has_a_token_takes_nothing_in_the_clear(server, monkeypatch):
    monkeypatch.setenv("RINGCAST_TOKEN", token("open"))
    ended = play(server.url("open"), "--user", "ann")
    assert ended.status == 1 and "in the clear" in ended.complaint


def test_a_title_that_is_not_there_is_named(server):
    ended = play(server.url("nothing"))
    assert ended.status == 1 and "no such title" in ended.complaint and server.url("nothing") in ended.complaint


@pytest.mark.parametrize(
    "words",
    [
        ("http://127.0.0.1/film",),
        ("rtsp:///film",),
        ("rtsp://127.0.0.1",),
        ("rtsp://127.0.0.1:99999/film",),
        ("rtsp://127.0.0.1/two words",),
        ("rtsp://ann:secret@127.0.0.1/film",),
        ("rtsp://127.0.0.1/film", "--user", "ann"),
        ("rtsp://127.0.0.1/film", "--token", "T"),
        ("rtsp://127.0.0.1/film", "--token", "T", "--token-file", "f", "--user", "ann"),
        ("rtsp://127.0.0.1/film", "--buffer-ms", "0"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_meant_is_a_usage_error(monkeypatch, words):
    monkeypatch.delenv("RINGCAST_TOKEN", raising=False)
    ended = play(*words)
    assert ended.status == 2 and "secret" not in ended.err, ended.err


def test_a_name_that_no_host_can_have_is_one_line():
    ended = play("rtsp://two..dots/film")
    assert ended.status == 1 and ended.complaint.startswith(
        "ringcast stream play: no streaming server at two..dots:554"
    )


def test_nobody_at_the_address_is_one_line():
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
    ended = play(f"rtsp://127.0.0.1:{port}/film")
    assert ended.status == 1
    assert ended.complaint == f"ringcast stream play: no streaming server at 127.0.0.1:{port} (Connection refused)"


def test_a_folder_that_is_not_there_is_said_before_anything_is_asked_for(tmp_path):
    ended = play("rtsp://127.0.0.1:1/film", "--out", tmp_path / "none" / "out.ts")
    assert ended.status == 1 and "no folder" in ended.complaint


def test_an_output_that_cannot_be_written_ends_it_with_its_name(server):
    ended = play(server.url("open"), "--out", "/dev/full")
    assert ended.status == 1 and ended.complaint == "ringcast stream play: /dev/full: No space left on device"
    assert no_session_is_left(server)


def test_a_pipe_s_reader_may_hold_the_title_back(server, films, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []

    def reader():
        with pipe.open("rb") as file:
            read.append(file.read(1_000))
            time.sleep(1.5)  # longer than the title
            read.append(file.read())

    thread = threading.Thread(target=reader)
    thread.start()
    ended = play(server.url("open"), "--out", pipe, "--buffer-ms", 200)
    thread.join()
    assert ended.status == 0, ended.err
    assert b"".join(read) == (films / "open").read_bytes()


def test_another_thread_may_stop_it(server):
    viewer = Viewer(Wanted(server.url("open"), buffer_ms=200), type("Sink", (), {"write": staticmethod(len)})())
    seen = viewer.play(lambda seen: viewer.stop() if seen.octets else None)
    assert seen.state == "playing" and 0 < seen.octets < 188 * PACKETS
    assert no_session_is_left(server)


@contextmanager
def playing(url, out, user="ann"):
    """A viewer in a process of its own, whose title has begun to play."""
    command = [sys.executable, "-m", "testbed.cli", "stream", "play", url, "--user", user, "--out", out]
    command += ["--buffer-ms", "200"]  # so that the server is never far ahead
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "RINGCAST_TOKEN": token(url.rpartition("/")[2])},
        # A job in the background may have inherited an ignored SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        for _ in range(3_000):
            if process.poll() is not None or (out.exists() and out.stat().st_size):
                break
            time.sleep(0.01)
        assert process.poll() is None, process.stderr.read()
        yield process
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_after_ctrl_c_the_server_has_been_told_and_what_was_played_stays(server, films, tmp_path):
    out = tmp_path / "out.ts"
    with playing(server.url("long"), out) as process:
        assert len(server.server.sessions) == 1
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        said = process.stderr.read()
    assert no_session_is_left(server)
    assert "Traceback" not in said and said.splitlines()[-1].startswith("ringcast stream play: ")
    assert (films / "long").read_bytes().startswith(out.read_bytes())


def test_a_server_that_dies_in_mid_title_is_told_at_once(films, tmp_path):
    out = tmp_path / "out.ts"
    with serving(films) as (server, end), playing(server.url("long"), out) as process:
        end()
        assert process.wait(20) == 1
        said = process.stderr.read().splitlines()
    assert "the connection ended" in said[-1] and "s into the title" in said[-1], said
    assert said[-2].startswith("ringcast stream play: failed: ")
    assert (films / "long").read_bytes().startswith(out.read_bytes())
