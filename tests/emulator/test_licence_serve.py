"""`ringcast title licence serve`: whom it answers over HTTP, and what it refuses."""

import http.client
import itertools
import json
import re
import signal
import socket
import struct
import subprocess
import sys
import threading

import pytest
from headend.titles.licence import PERSISTENT, read_licence, release_text, request_text
from headend.titles.licence_server import LicenceServer
from headend.titles.session_files import SessionFiles
from testbed.commands._licence_http import LicenceHttp

from tests.helpers.commands import ringcast
from tests.helpers.tunes import KEY, KID

PAGE = "http://player.example:9000"
ASK, STAYS = request_text([KID]), request_text([KID], PERSISTENT)


@pytest.fixture
def server(tmp_path):
    numbers = itertools.count(1)
    core = LicenceServer(
        {KID: KEY}, SessionFiles(tmp_path / "sessions"), lambda count: bytes([next(numbers)]) * count, 1_000_000
    )
    with LicenceHttp(core, 0, PAGE) as made:
        runs = threading.Thread(target=made.serve_forever, args=(0.01,))
        runs.start()
        yield made
        made.shutdown()
        runs.join()


def asked(server, method, path="/", body=None, **headers):
    """(status, body, headers)"""
    line = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    try:
        line.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        found = line.getresponse()
        return found.status, found.read(), found.headers
    finally:
        line.close()


def test_a_request_gets_its_licence_and_no_cache_keeps_it(server):
    status, body, headers = asked(server, "POST", body=ASK)
    assert status == 200 and dict(read_licence(body).keys) == {KID: KEY}
    assert headers["Cache-Control"] == "no-store" and headers["Content-Type"] == "application/json"
    assert "Access-Control-Allow-Origin" not in headers


def test_a_session_is_loaded_renewed_and_released(server):
    told = json.loads(asked(server, "POST", body=STAYS)[1])
    path = f"/{told['session']}"
    assert json.loads(asked(server, "GET", path)[1]) == told
    renewed = json.loads(asked(server, "POST", path, STAYS)[1])
    assert renewed["session"] == told["session"] and renewed["end"] >= told["end"]
    assert asked(server, "POST", path, release_text([KID]))[:2] == (200, release_text([KID]))
    for method, body in (("GET", None), ("POST", STAYS)):
        assert asked(server, method, path, body)[:2] == (403, b"the session was released\n")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        ("POST", "/", b"{}", 400, b"no list"),
        ("POST", "/", request_text([bytes(16)]), 403, b"no key of these ids"),
        ("POST", "/", release_text([KID]), 400, b"of which session"),
        ("POST", "/", b" " * 65_537, 413, b"up to 65536"),
        ("GET", "/", None, 403, b"no such session"),
        ("GET", "/../../etc/passwd", None, 403, b"no such session"),
        ("POST", "/" + "ab" * 16, STAYS, 403, b"no such session"),
    ],
)
def test_what_is_refused(method, path, body, status, says, server):
    found, text, _ = asked(server, method, path, body)
    assert found == status and says in text


def test_a_message_without_a_length_is_refused(server):
    assert asked(server, "POST", body=iter([ASK]))[0] == 411


def test_pages_of_the_given_origin_may_ask_and_no_others(server):
    status, _, headers = asked(server, "POST", body=ASK, Origin=PAGE)
    assert status == 200 and headers["Access-Control-Allow-Origin"] == PAGE
    status, _, headers = asked(server, "OPTIONS", Origin=PAGE)
    assert status == 204 and headers["Access-Control-Allow-Headers"] == "content-type"
    for method in ("POST", "OPTIONS"):
        status, body, headers = asked(server, method, body=ASK, Origin="http://elsewhere.example")
        assert status == 403 and b'"k"' not in body and "Access-Control-Allow-Origin" not in headers


def test_a_name_that_somebody_gave_this_computer_gets_nothing(server):
    status, body, _ = asked(server, "POST", body=ASK, Host=f"evil.example:{server.server_port}")
    assert status == 403 and b'"k"' not in body
    assert asked(server, "POST", body=ASK, Host=f"localhost:{server.server_port}")[0] == 200


def test_a_player_that_goes_away_is_no_news_and_stops_nothing(server, capsys):
    for part in (b"", b"POST / HTTP/1.1\r\n", b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"):
        with socket.create_connection(("127.0.0.1", server.server_port), 10) as line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
            line.sendall(part)
    assert asked(server, "POST", body=ASK)[0] == 200
    assert capsys.readouterr().err == ""


def test_a_disk_that_takes_nothing_is_told_and_not_explained(server, tmp_path, capsys):
    (tmp_path / "sessions").rmdir()
    status, body, _ = asked(server, "POST", body=STAYS)
    assert (status, body) == (500, b"the session cannot be kept\n")
    assert "ringcast title licence serve" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--key", KEY.hex()),
        ("--key", KEY.hex(), "--kid", KID.hex(), "--origin", "player.example"),
        ("--key", KEY.hex(), "--kid", KID.hex(), "--origin", "http://player.example/page"),
        ("--key", KEY.hex(), "--kid", KID.hex(), "--days", "0"),
    ],
)
def test_options_that_mean_nothing(options):
    ended = ringcast("title", "licence", "serve", *options)
    assert ended.status == 2 and KEY.hex() not in ended.out + ended.err


def test_the_command_serves_until_it_is_ended(tmp_path):
    key = tmp_path / "song.key"
    key.write_text(KEY.hex(), encoding="ascii")
    key.chmod(0o600)
    command = [sys.executable, "-m", "testbed.cli", "title", "licence", "serve", "--key-file", key, "--kid", KID.hex()]
    runs = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    try:
        found = re.fullmatch(r"licences at http://127\.0\.0\.1:(\d+)/\n", runs.stdout.readline())
        line = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=10)
        line.request("POST", "/", STAYS)
        told = json.loads(line.getresponse().read())
        line.close()
        assert told["type"] == PERSISTENT and "end" not in told
        assert [path.stem for path in (tmp_path / "sessions").iterdir()] == [told["session"]]
    finally:
        runs.send_signal(signal.SIGTERM)
        out, err = runs.communicate(timeout=20)
    assert (runs.returncode, out, err) == (0, "", "")
