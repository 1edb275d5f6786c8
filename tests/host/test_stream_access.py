"""Who is let in, and who is not: one answer to whatever is wrong, after the same work, and the connection ends."""

import random

import pytest
from headend.crypto.x25519 import public_key
from headend.media import access
from headend.stream import tokens as tokens_module
from settop.media import key_text
from settop.media.guard import Guard
from settop.wire import rtsp, sdp
from settop.wire import stream as wire

from tests.helpers.clips import have_ffmpeg
from tests.helpers.media import film_in
from tests.helpers.stream_bench import BASE, DAY_MS, URL, StreamBench, statuses, token

pytestmark = pytest.mark.skipif(not have_ffmpeg(), reason="ffmpeg makes the clip; apt-get install ffmpeg")
WAY = ("Transport", "RTP/SAVP;unicast;client_port=5000-5001")
REFUSAL = (
    b"RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nServer: ringcast\r\n"
    b'WWW-Authenticate: Ringcast realm="titles"\r\nConnection: close\r\n\r\n'
)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return film_in(tmp_path_factory.mktemp("titles"))


@pytest.fixture
def bench(film):
    return StreamBench(film)


def shown(text, user="ann"):
    """The fields of who shows this text."""
    return [("Authorization", f"Ringcast {text}"), ("From", user)]


def sealed_of(text):
    return key_text.pack_sealed(key_text.parse_token(text)[0])


GOOD = sealed_of(token())


def bad_shows():
    """(what is wrong, fields)"""
    octets = key_text.parse_sealed(GOOD.encode())
    yield "nothing shown", []
    yield "no user", shown(GOOD)[:1]
    yield "no token", shown(GOOD)[1:]
    yield "another user", shown(GOOD, "bob")
    yield "a user twice", [*shown(GOOD), ("From", "ann")]
    yield "a token twice", [*shown(GOOD), shown(GOOD)[0]]
    yield "another title's", shown(sealed_of(token("other")))
    yield "an old one", shown(sealed_of(token(lasts_ms=0)))
    yield "another scheme", [("Authorization", "Basic " + GOOD), ("From", "ann")]
    yield "a scheme alone", [("Authorization", "Ringcast"), ("From", "ann")]
    yield "the secret too", shown(token())
    yield "made up", shown(key_text.pack_sealed(random.Random(1).randbytes(56)))
    yield "zeros", shown(key_text.pack_sealed(bytes(56)))
    yield "cut", shown(key_text.pack_sealed(octets[:-1]))
    yield "longer", shown(key_text.pack_sealed(octets + b"\0"))
    yield "no base64", shown("!" * 76)
    yield "a name that is no text", [shown(GOOD)[0], ("From", "\udcff")]
    for bit in range(0, 8 * len(octets), 37):
        changed = bytearray(octets)
        changed[bit // 8] ^= 1 << bit % 8
        yield f"bit {bit}", shown(key_text.pack_sealed(changed))


def answered(bench, method, url, fields):
    """All that the server says to one request on a connection of its own, which it ends."""
    line = bench.server.connect("192.0.2.9", bench.now_ms)
    request = "".join(f"{name}: {value}\r\n" for name, value in fields).encode(errors="surrogateescape")
    line.receive(f"{method} {url} RTSP/1.0\r\nCSeq: 1\r\n".encode() + request + b"\r\n", bench.now_ms)
    assert line.over
    return line.to_send()


@pytest.mark.parametrize("method", ["DESCRIBE", "SETUP"])
def test_every_refusal_is_the_same_octets_and_ends_the_connection(bench, method):
    for what, fields in bad_shows():
        fields = [*fields, WAY] if method == "SETUP" else fields
        assert answered(bench, method, URL, fields) == REFUSAL, what
    assert not bench.server.sessions


def test_a_refusal_costs_the_same_work_whatever_is_wrong(bench, monkeypatch):
    """Counted, not timed: ciphers begun, names digested, secrets derived, keys of the curve."""
    counts = []

    def counting(module, name):
        real = getattr(module, name)

        def counted(*args, **options):
            counts.append(name)
            return real(*args, **options)

        monkeypatch.setattr(module, name, counted)

    counting(tokens_module.AES, "new")
    counting(tokens_module, "_digest")
    counting(tokens_module.hmac, "digest")
    counting(access, "public_key")
    seen = set()
    for _, fields in bad_shows():
        counts.clear()
        answered(bench, "DESCRIBE", URL, fields)
        seen.add(tuple(counts))
    assert len(seen) == 1 and "public_key" not in seen.pop()


def test_without_a_gate_nobody_is_let_in(film):
    bench = StreamBench(film, tokens=None)
    assert answered(bench, "DESCRIBE", URL, shown(GOOD)) == REFUSAL


def test_the_description_offers_keys_and_no_way_in_the_clear(bench):
    viewer = bench.viewer()
    viewer.client.describe(0)
    viewer.pump()
    _, _, body = viewer.said.partition(b"\r\n\r\n")
    found = sdp.parse(body)
    assert [medium.protocol for medium in found.media] == ["RTP/SAVP"]
    (value,) = [value for name, value in found.others if name == "key-mgmt"]
    _, suites = wire.parse_offer(key_text.parse_attribute(value, 64))
    assert suites == (1, 2, 3)
    plain = [(*shown(GOOD), ("Transport", "RTP/AVP;unicast;client_port=5000-5001"))]
    line = bench.server.connect("192.0.2.9", 0)
    line.receive(rtsp.pack("SETUP", URL, 1, plain[0]), 0)
    assert statuses(line.to_send()) == [461]


class Sniffer:
    """A viewer's messages one by one, on one connection, so that something may be wrong with each."""

    def __init__(self, bench, text=None, user="ann"):
        self.bench = bench
        self.guard = Guard(text or token(), user, (1, 2, 3), bench.draw.randbytes)
        self.line = bench.server.connect("192.0.2.9", 0)
        self.cseq = 0

    def ask(self, method, url=URL, fields=()):
        self.cseq += 1
        self.line.receive(rtsp.pack(method, url, self.cseq, [*self.guard.fields(), *fields]), self.bench.now_ms)
        said = self.line.to_send()
        if said:
            self.line.sent(len(said), self.bench.now_ms)
        return said

    def answer(self, url=URL):
        """The field that answers the description."""
        said = self.ask("DESCRIBE", url)
        self.guard.offered(sdp.parse(said.partition(b"\r\n\r\n")[2]))
        return self.guard.answer(url)[0]

    def refused(self, value, url=URL, fields=(WAY,)):
        field = [] if value is None else [("KeyMgmt", value)]
        said = self.ask("SETUP", url, [*fields, *field])
        assert said == REFUSAL.replace(b"CSeq: 1", b"CSeq: %d" % self.cseq), said
        assert self.line.over and not self.bench.server.sessions


def altered(value, change):
    octets = bytearray(key_text.parse_field(value.encode(), 128))
    octets = change(octets) or octets
    return key_text.pack_field(URL, bytes(octets))


def flip(at):
    def change(octets):
        octets[at] ^= 1

    return change


@pytest.mark.parametrize("at", [0, 1, 2, 17, 18, 49, 50, 65])  # version, suite, nonce, key, proof
def test_an_answer_that_is_changed_on_the_way_is_refused(bench, at):
    sniffer = Sniffer(bench)
    sniffer.refused(altered(sniffer.answer()[1], flip(at)))


@pytest.mark.parametrize(
    "change", [lambda octets: octets[:-1], lambda octets: octets + b"\0", lambda octets: octets[:50] + bytes(16)]
)
def test_an_answer_that_is_cut_lengthened_or_without_proof_is_refused(bench, change):
    sniffer = Sniffer(bench)
    sniffer.refused(altered(sniffer.answer()[1], change))


@pytest.mark.parametrize("value", [None, "", "prot=mikey; data=AAAA", "prot=ringcast; data=!", "prot=ringcast"])
def test_no_answer_is_refused_as_a_wrong_one_is(bench, value):
    sniffer = Sniffer(bench)
    sniffer.answer()
    sniffer.refused(value)


def test_who_overheard_a_token_has_no_secret_and_is_refused(bench):
    sniffer = Sniffer(bench)
    sniffer.guard._secret[:] = bytes(16)
    sniffer.refused(sniffer.answer()[1])


def test_a_key_of_small_order_is_refused(bench):
    sniffer = Sniffer(bench)
    sniffer.answer()
    bare = wire.pack_answer(1, bytes(16), bytes(32))
    sniffer.refused(key_text.pack_field(URL, bare + bytes(16)))


def test_a_suite_that_was_not_offered_is_refused(film):
    bench = StreamBench(film, suites=(2,))
    sniffer = Sniffer(bench)
    said = sniffer.ask("DESCRIBE")
    sniffer.guard.offered(sdp.parse(said.partition(b"\r\n\r\n")[2]))
    sniffer.guard.suite = 1  # and proved
    sniffer.refused(sniffer.guard.answer(URL)[0][1])


def test_an_offer_is_good_once_on_its_connection_for_its_title(bench):
    sniffer = Sniffer(bench)
    field = sniffer.answer()
    Sniffer(bench).refused(field[1])  # on another connection, which has no offer
    another = Sniffer(bench)
    another.answer()
    another.refused(field[1])  # and on one that has another
    crossed = Sniffer(bench)
    field = crossed.answer()
    crossed.guard = Guard(token("other"), "ann", (1,), bench.draw.randbytes)
    crossed.refused(field[1], BASE + "other")
    viewer = bench.viewer()
    assert viewer.set_up()[0] == "set_up" and viewer.line.offer is None


def test_sequence_numbers_begin_where_nobody_takes_the_first_cycle_for_the_second(film):
    begins = set()
    for seed in range(24):
        bench = StreamBench(film, seed=seed)
        bench.viewer().set_up()
        (session,) = bench.server.sessions.values()
        begins.add(session.sender.sequence)
    assert len(begins) == 24 and max(begins) < 0x8000


def test_a_second_set_up_does_not_change_a_session_that_has_its_keys(bench):
    viewer = bench.viewer()
    viewer.set_up()
    (session,) = bench.server.sessions.values()
    guard = session.guard
    viewer.client.set_up(URL, [viewer.way], 0)
    assert viewer.event() == ("refused", "SETUP", 455) and session.guard is guard


def test_behind_the_token_s_end_play_is_refused_and_what_plays_goes_on(bench):
    viewer = bench.viewer(text=token(lasts_ms=2_000))
    viewer.set_up()
    viewer.play()
    bench.run(10_000)
    assert viewer.payload() == bench.octets
    assert viewer.play(0) == ("refused", "PLAY", 401) and viewer.line.over
    viewer.leave()
    assert not bench.server.sessions
    again = bench.viewer(text=token(lasts_ms=2_000))
    assert again.describe() == ("refused", "DESCRIBE", 401) and again.line.over


def test_a_token_is_good_as_often_as_is_wanted_in_its_time(bench):
    for _ in range(5):
        viewer = bench.viewer(text=token(lasts_ms=DAY_MS))
        assert viewer.set_up()[0] == "set_up"
        viewer.leave()


def test_neither_secret_nor_end_of_the_token_leaves_the_viewer(bench):
    text = token()
    sealed, secret = key_text.parse_token(text)
    viewer = bench.viewer(text=text)
    viewer.set_up()
    viewer.play()
    bench.run(1_000)
    everything = viewer.asked + viewer.said
    assert text.encode() not in everything and bytes(secret) not in everything
    for form in (key_text.to_text(bytes(secret)), bytes(secret).hex()):
        assert form[:16].encode() not in everything
    assert key_text.pack_sealed(sealed).encode() in viewer.asked and text[:40] not in repr(vars(viewer.guard))


def test_a_server_that_does_not_know_the_token_is_left(bench, monkeypatch):
    for value in (key_text.pack_field(URL, bytes(16)), key_text.pack_field(URL, bytes(15)), "prot=mikey; data=AAAA"):
        monkeypatch.setattr(access.Access, "conclude", lambda *args, value=value: (None, ("KeyMgmt", value)))
        viewer = bench.viewer(port=6_100)
        event = viewer.set_up()
        assert event[0] == "failed" and "prove" in event[1] and not event[2], value
        bench.server.sessions.clear()


def test_who_takes_the_better_suites_out_of_the_offer_gets_two_ends_that_refuse_each_other(bench):
    sniffer = Sniffer(bench)
    said = sniffer.ask("DESCRIBE")
    found = sdp.parse(said.partition(b"\r\n\r\n")[2])
    octets = key_text.parse_attribute(found.others[0][1], 64)
    weaker = octets[:49] + b"\1\3"
    found.others = [("key-mgmt", key_text.pack_attribute(weaker))]
    sniffer.guard.offered(found)
    assert sniffer.guard.suite == 3
    sniffer.refused(sniffer.guard.answer(URL)[0][1])


def test_the_offer_s_secret_is_forgotten_however_the_connection_ends(bench):
    sniffer = Sniffer(bench)
    sniffer.answer()
    offer = sniffer.line.offer
    public = offer.octets[17:49]
    assert public_key(bytes(offer._scalar)) == public
    sniffer.ask("DESCRIBE")
    assert not any(offer._scalar) and sniffer.line.offer is not offer
    last = sniffer.line.offer
    bench.server.disconnected(sniffer.line)
    assert not any(last._scalar)
