"""`ringcast stream serve`: a process of its own over a folder of titles, until a signal comes."""

import os
import re
import signal
import socket

import pytest
from settop.media import key_text
from settop.wire import rtsp
from testbed.commands import shop as commands

from tests.helpers.clips import clip, have_ffmpeg
from tests.helpers.commands import ringcast
from tests.helpers.shop import PASSWORD
from tests.helpers.shop_process import STARTED_S, running

pytestmark = pytest.mark.skipif(not have_ffmpeg(), reason="ffmpeg makes the clips; apt-get install ffmpeg")
CLEAR = "free = true\nclear = true\n"


@pytest.fixture
def films(tmp_path):
    folder = tmp_path / "films"
    folder.mkdir()
    for name in ("open", "sold"):
        (folder / f"{name}.ts").write_bytes(clip("h264_aac_cbr").read_bytes())
    (folder / "open.toml").write_text(CLEAR)
    return folder


@pytest.fixture
def db(tmp_path, films, monkeypatch):
    monkeypatch.delenv("RINGCAST_MASTER_KEY", raising=False)
    monkeypatch.setattr(commands.shared, "read_password", lambda: PASSWORD)
    path = tmp_path / "shop.db"
    assert ringcast("shop", "account", "new", "ann", "--db", path).status == 0
    assert ringcast("stream", "title", "add", films / "sold.ts", "--limit", "An evening=6:0", "--db", path).status == 0
    return path


def serving(*arguments):
    return running("serve", *arguments, group="stream", port="--rtsp-port")


def described(server, name, fields=()):
    """The status of an answer to DESCRIBE."""
    host, port = re.fullmatch(r"rtsp://(.*):([0-9]+)/NAME", server.url).groups()
    with socket.create_connection((host, int(port)), timeout=STARTED_S) as line:
        line.sendall(rtsp.pack("DESCRIBE", server.url.replace("NAME", name), 1, list(fields)))
        return int(line.recv(4096).split()[1])


def shown(token, user):
    sealed, _ = key_text.parse_token(token)
    return [("Authorization", f"Ringcast {key_text.pack_sealed(sealed)}"), ("From", user)]


def test_clear_titles_go_to_anybody_and_sold_ones_to_who_has_a_token(films, db):
    said = ringcast("stream", "token", "new", "ann", "sold", "--db", db).out
    token = re.search(r"--token (\S+)", said).group(1)
    with serving("--titles", films, "--db", db) as server:
        assert described(server, "open") == 200
        assert described(server, "sold") == 401
        assert described(server, "sold", shown(token, "ann")) == 200
        assert described(server, "sold", shown(token, "bob")) == 401
        assert described(server, "nothing") == 404
        (films / "late.ts").write_bytes((films / "open.ts").read_bytes())
        (films / "late.toml").write_text(CLEAR)
        assert described(server, "late") == 200  # it came while the server ran
        status, log = server.end(signal.SIGINT)
    assert status == 0 and "open: 0:00:" in log and "in the clear" in log and "sold: " in log
    assert token not in log and "Traceback" not in log


def test_without_a_database_only_what_is_clear_is_sent(films):
    with serving("--titles", films) as server:
        assert described(server, "open") == 200 and described(server, "sold") == 401
        status, log = server.end(signal.SIGTERM)
    assert status == 0 and "to nobody, as without --db no token is good" in log


def test_a_title_that_cannot_be_sent_is_named_and_the_others_are_sent(films):
    (films / "noise.ts").write_bytes(os.urandom(10_000))
    (films / "sold.toml").write_text("price = -1\n")
    with serving("--titles", films) as server:
        assert described(server, "open") == 200 and described(server, "noise") == 415
        _, log = server.end(signal.SIGHUP)
    assert "noise: not sent: " in log and "sold: not sent: sold.toml: price is" in log


def test_what_cannot_be_served_is_one_line(films, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for words, complaint in (
            (("--titles", empty), "has no title that can be sent; expected NAME.ts"),
            (("--titles", tmp_path / "nowhere"), "is no folder"),
            (("--titles", films, "--rtsp-port", port), f"port {port} of 127.0.0.1 cannot be had"),
            (("--titles", films, "--db", tmp_path / "nothing.db"), "there is no database"),
        ):
            ended = ringcast("stream", "serve", *words)
            assert ended.status == 1 and complaint in ended.complaint, ended
