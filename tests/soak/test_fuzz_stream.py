"""Tokens, key messages and their fields against damaged and invented input: the declared errors alone, one refusal, and
the viewers who are there undisturbed."""

import random
import tomllib

import pytest
from headend.crypto import x25519
from headend.media.connection import MAX_BACKLOG
from headend.stream.title_options import load_options
from settop.errors import LocalError, RemoteError
from settop.media import guard as guard_module
from settop.media import key_text
from settop.media.guard import Guard
from settop.media.rtsp_client import RtspClient
from settop.wire import rtsp, sdp
from settop.wire import stream as wire
from settop.wire.rtsp_fields import Transport

from tests.helpers.clips import clip, have_ffmpeg
from tests.helpers.stream_bench import URL, StreamBench, statuses, token
from tests.soak.test_fuzz_media import damaged

OFFER = wire.pack_offer(bytes(range(16)), bytes(range(1, 33)), (1, 2, 3))
ANSWER = wire.pack_answer(1, bytes(range(16)), bytes(range(1, 33)), bytes(range(16)))
TEXT = token()
FIELD = key_text.pack_field(URL, ANSWER).encode()
PARSERS = (
    (key_text.parse_token, TEXT.encode(), str),
    (key_text.parse_sealed, TEXT.encode()[:76], bytes),
    (lambda value: key_text.parse_field(value, 128), FIELD, bytes),
    (lambda value: key_text.parse_attribute(value, 64), key_text.pack_attribute(OFFER).encode(), str),
    (wire.parse_offer, OFFER, bytes),
    (wire.parse_answer, ANSWER, bytes),
)
OPTIONS = b"free = false\nsuites = ['AEAD_AES_128_GCM']\n[[limits]]\nname = 'a'\nhours = 3\nprice = 4\n"


def test_texts_and_messages_raise_what_is_declared_alone(cases):
    draw = random.Random(21)
    for case in cases(2_000):
        parse, good, kind = PARSERS[case % len(PARSERS)]
        data = damaged(draw, good)
        try:
            parse(data.decode("latin-1") if kind is str else data)
        except RemoteError:
            pass


def test_what_is_said_of_a_title_is_read_or_refused_by_name(cases, tmp_path):
    draw = random.Random(22)
    (tmp_path / "film.ts").write_bytes(b"G" * 188)
    path = tmp_path / "film.toml"
    for _ in cases(2_000):
        data = damaged(draw, OPTIONS)
        path.write_bytes(data)
        try:
            assert load_options(path.with_suffix(".ts")).suites
            tomllib.loads(data.decode())
        except LocalError as error:
            assert "film.toml" in str(error)


def test_a_viewer_takes_no_server_that_says_anything_else(cases, monkeypatch):
    monkeypatch.setattr(guard_module, "public_key", lambda scalar: x25519.public_key(bytes(scalar)))
    monkeypatch.setattr(
        guard_module, "shared_secret", lambda scalar, public: bytearray(x25519.x25519_shared(bytes(scalar), public))
    )  # the same, faster
    draw = random.Random(23)
    for case in cases(2_000):
        guard = Guard(TEXT, "ann", (1, 2, 3), draw.randbytes)
        client = RtspClient(URL, guard=guard)
        client.describe(0)
        described = sdp.Description()
        described.others.append(("key-mgmt", key_text.pack_attribute(OFFER)))
        described.media.append(sdp.Medium("video", 0, "RTP/SAVP", ["33"]))
        body = sdp.pack(described, "192.0.2.1")
        if case % 2:
            body = damaged(draw, body)
        client.receive(rtsp.pack_answer(200, 1, (), body, sdp.MEDIA_TYPE), 0)
        if client.state == "described":
            client.set_up(URL, [Transport(True, client=(5000, 5001))], 0)
        if client.state == "setting_up":
            fields = [("Session", "ab"), ("Transport", "RTP/SAVP;unicast"), ("KeyMgmt", FIELD.decode())]
            client.receive(damaged(draw, rtsp.pack_answer(200, 2, fields)), 0)
        assert client.state != "ready" and guard._media is None


@pytest.mark.skipif(not have_ffmpeg(), reason="ffmpeg makes the clip; apt-get install ffmpeg")
def test_whoever_knocks_is_refused_and_who_is_in_gets_all(cases, tmp_path):
    path = tmp_path / "film.ts"
    path.write_bytes(clip("radio").read_bytes())
    bench = StreamBench(path)
    honest = bench.viewer(suites=(1,))
    assert honest.set_up()[0] == "set_up" and honest.play()[0] == "playing"
    (number,) = bench.server.sessions
    draw = random.Random(24)
    turns = cases(2_000)
    shown = [("Authorization", f"Ringcast {TEXT[:76]}"), ("From", "bob")]
    way = [("Transport", "RTP/SAVP;unicast;client_port=5000-5001"), ("KeyMgmt", FIELD.decode())]
    seen = set()
    for case in turns:
        line = bench.server.connect("192.0.2.66", bench.now_ms)
        data = rtsp.pack(("DESCRIBE", "SETUP")[case % 2], URL, 1, shown + way * (case % 2))
        line.receive(damaged(draw, data), bench.now_ms)
        seen.update(statuses(line.to_send()))
        assert line.backlog < MAX_BACKLOG and (line.offer is None)
        bench.server.reported((honest.peer, honest.ports[1]), draw.randbytes(draw.randrange(200)), bench.now_ms)
        bench.server.disconnected(line)
        bench.run(8_000 * (case + 1) // len(turns))
    bench.run(20_000)
    assert set(bench.server.sessions) == {number} and 401 in seen and not seen & {200, 453, 500}
    assert honest.payload() == bench.octets and honest.guard.dropped == 0
    assert bench.server.sessions[number].dropped == len(turns)
