"""A viewer's token and keys: what is shown and what not, what is believed of a server, what is opened of packets."""

from kit import HEX, raises
from settop.crypto.sealing import PRIMITIVES
from settop.errors import LocalError, RemoteError
from settop.media import guard as module
from settop.media import key_text, srtp, srtp_suites
from settop.media.guard import Guard
from settop.media.rtsp_client import RtspClient
from settop.wire import rtsp, sdp
from settop.wire import stream as wire
from settop.wire.rtsp_fields import Transport

URL = "rtsp://192.0.2.1/film"
SEALED = bytes(range(56))
SECRET = bytes(range(100, 116))
TOKEN = key_text.pack_token(SEALED, SECRET)
SCALAR = bytes(range(32))  # the server's
WAY = "RTP/SAVP;unicast;client_port=5000-5001"
RIGHT = object()
RTP = HEX("80210001 00000000 cafebabe") + b"payload" * 20


def quick(test):
    """Of a test: with another agreement than X25519, which takes an emulated Pico seconds."""

    def run():
        kept = module.public_key, module.shared_secret
        module.public_key = bytes
        module.shared_secret = lambda scalar, public: bytearray([a ^ b for a, b in zip(scalar, public)])
        try:
            test()
        finally:
            module.public_key, module.shared_secret = kept

    return run


def offer(suites=(1, 2, 3), public=None):
    return wire.pack_offer(bytes(16), public or module.public_key(SCALAR), suites)


def description(octets, protocol="RTP/SAVP"):
    found = sdp.Description()
    if octets is not None:
        found.others.append(("key-mgmt", key_text.pack_attribute(octets)))
    found.media.append(sdp.Medium("video", 0, protocol, ["33"]))
    return found


def guard(suites=(1, 2, 3)):
    return Guard(TOKEN, "ann", suites, lambda count: bytes(range(7, 7 + count)))


def server_keys(field, octets):
    """What a server that knows the token makes of the answer."""
    answer = key_text.parse_field(field[1].encode(), 128)
    _, public, bare, proof = wire.parse_answer(answer)
    whole = SECRET + bytes(module.shared_secret(SCALAR, public))
    keys = wire.Keys(PRIMITIVES, whole, SEALED, URL.encode(), octets, bare)
    assert keys.proves_viewer(proof)
    return keys


def agreed(suites=(1, 2, 3)):
    """(guard with keys, the server's)"""
    mine, octets = guard(suites), offer()
    mine.offered(description(octets))
    (field,) = mine.answer(URL)
    keys = server_keys(field, octets)
    proof = key_text.pack_field(URL, bytes(keys.server_proof)).encode()
    mine.proved(proof, Transport(secure=True, client=(1, 2)))
    return mine, keys


def end(keys, pair):
    return srtp.Session(srtp_suites.named(keys.name), bytes(pair[0] + pair[1]))


def through(work, packet, room=40):
    buffer = bytearray(packet) + bytearray(room)
    return bytes(buffer[: work(buffer, len(packet))])


def test_the_server_is_shown_the_sealed_part_and_the_user_alone():
    assert guard().fields() == [("Authorization", "Ringcast " + key_text.pack_sealed(SEALED)), ("From", "ann")]
    assert key_text.parse_sealed(key_text.pack_sealed(SEALED).encode()) == SEALED
    for bad in (b"", b"a", b"+" * 76, key_text.pack_sealed(SEALED[:-1]).encode(), TOKEN.encode()):
        with raises(RemoteError):
            key_text.parse_sealed(bad)


@quick
def test_both_ends_open_what_the_other_protects_under_each_suite():
    report = HEX("80c90001 0badcafe")
    for suite in (1, 2, 3):
        mine, keys = agreed((suite,))
        assert mine.suite == suite
        assert through(mine.open, through(end(keys, keys.media).protect, RTP), 0) == RTP
        sealed = through(end(keys, keys.reports).protect_control, report)
        assert through(mine.open_report, sealed, 0) == report
        back = end(keys, keys.back)
        sealed = through(mine.seal_report, report)
        assert len(sealed) == len(report) + mine.report_overhead
        assert through(back.unprotect_control, sealed, 0) == report
        assert mine.dropped == 0


@quick
def test_what_does_not_verify_is_dropped_and_counted():
    mine, keys = agreed((1,))
    there = end(keys, keys.media)
    good = through(there.protect, RTP)
    bad = bytearray(good)
    bad[20] ^= 1
    for packet in (bytes(bad), good[:-1], b"", RTP, through(end(keys, keys.back).protect, RTP)):
        assert mine.open(bytearray(packet), len(packet)) == 0
    assert mine.dropped == 5
    assert through(mine.open, good, 0) == RTP
    assert mine.open(bytearray(good), len(good)) == 0 and mine.dropped == 6  # it has been
    assert mine.open_report(bytearray(good), len(good)) == 0 and mine.dropped == 7


@quick
def test_behind_the_end_nothing_is_opened_and_nothing_is_kept():
    mine, keys = agreed()
    good = through(end(keys, keys.media).protect, RTP)
    mine.close()
    mine.close()
    assert mine.open(bytearray(good), len(good)) == 0
    assert (mine._secret, mine._keys, mine._media, mine._reports, mine._back) == (None,) * 5
    with raises(LocalError):
        mine.seal_report(bytearray(100), 8)


def test_before_there_are_keys_everything_is_dropped():
    mine = guard()
    assert mine.open(bytearray(RTP), len(RTP)) == 0 and mine.open_report(bytearray(RTP), len(RTP)) == 0
    assert mine.dropped == 2


@quick
def test_the_secret_is_wiped_as_soon_as_there_are_keys():
    mine = guard()
    secret = mine._secret
    mine.offered(description(offer()))
    mine.answer(URL)
    keys = mine._keys
    proof = key_text.pack_field(URL, bytes(keys.server_proof)).encode()
    mine.proved(proof, Transport(secure=True))
    assert not any(secret) and not any(keys.media[0]) and not any(keys.back[1])


@quick
def test_a_description_without_a_good_offer_is_refused():
    for found in (
        description(None),
        description(offer(), "RTP/AVP"),
        description(offer((9,))),
        description(offer()[:-1]),
        description(b"\2" + offer()[1:]),
        sdp.Description(),
    ):
        with raises(RemoteError):
            guard().offered(found)
    other = description(offer())
    other.others.insert(0, ("key-mgmt", "mikey AQAFgM0XflABAAAAAAAAAAAAAAsA"))
    mine = guard((3, 1))
    mine.offered(other)
    assert mine.suite == 3


@quick
def test_a_server_that_proves_nothing_or_sends_in_the_clear_is_refused():
    for value, secure in (
        (None, True),
        (b"", True),
        (key_text.pack_field(URL, bytes(16)).encode(), True),
        (key_text.pack_field(URL, bytes(15)).encode(), True),
        (RIGHT, False),
    ):
        mine = guard()
        mine.offered(description(offer()))
        mine.answer(URL)
        if value is RIGHT:
            value = key_text.pack_field(URL, bytes(mine._keys.server_proof)).encode()
        with raises(RemoteError):
            mine.proved(value, Transport(secure=secure, client=(1, 2)))
        assert mine._media is None


def test_a_server_s_key_that_fixes_the_secret_is_refused():
    mine = guard()
    mine.offered(description(offer(public=bytes(32))))
    with raises(RemoteError):
        mine.answer(URL)


def test_what_cannot_be_is_our_own_fault():
    with raises(LocalError):
        guard().answer(URL)
    with raises(LocalError):
        guard(())
    with raises(RemoteError):
        Guard(TOKEN[:-1], "ann", (1,), bytes)


def test_the_client_shows_answers_and_judges_by_itself():
    mine, octets = guard(), offer()
    client = RtspClient(URL, guard=mine)
    client.describe(0)
    asked = bytes(client.to_send())
    client.sent(len(asked))
    assert b"Authorization: Ringcast " in asked and b"From: ann\r\n" in asked
    found = description(octets)
    client.receive(rtsp.pack_answer(200, 1, (), sdp.pack(found, "192.0.2.1"), sdp.MEDIA_TYPE), 0)
    assert client.next_event()[0] == "described"
    client.set_up(URL + "/stream", [Transport(True, client=(5000, 5001))], 0)
    asked = bytes(client.to_send())
    client.sent(len(asked))
    reader = rtsp.Reader()
    reader.feed(asked)
    assert reader.head.get(b"transport") == WAY.encode() and reader.head.get(b"from") == b"ann"
    keys = server_keys((None, reader.head.get(b"keymgmt").decode()), octets)
    fields = [("Session", "ab"), ("Transport", WAY), ("KeyMgmt", key_text.pack_field(URL, bytes(keys.server_proof)))]
    client.receive(rtsp.pack_answer(200, 2, fields), 0)
    assert client.next_event()[0] == "set_up"
    assert through(mine.open, through(end(keys, keys.media).protect, RTP), 0) == RTP
    client.play(0)
    asked = bytes(client.to_send())
    assert b"Authorization" not in asked and b"Session: ab" in asked
    client.ended()
    assert client.next_event()[0] == "failed" and mine._media is None


def test_the_client_fails_where_the_server_is_not_the_one():
    good = wire.pack_offer(bytes(16), b"\x09" + bytes(31), (1, 2, 3))
    for described, proof in ((None, None), (offer(public=bytes(32)), None), (good, bytes(16))):
        mine = guard()
        client = RtspClient(URL, guard=mine)
        client.describe(0)
        body = sdp.pack(description(described), "192.0.2.1")
        client.receive(rtsp.pack_answer(200, 1, (), body, sdp.MEDIA_TYPE), 0)
        event = client.next_event()
        if event[0] == "described":
            client.set_up(URL, [Transport(True, client=(5000, 5001))], 0)
            fields = [("Session", "ab"), ("Transport", WAY)]
            if proof is not None:
                fields.append(("KeyMgmt", key_text.pack_field(URL, proof)))
            if client.state != "closed":
                client.receive(rtsp.pack_answer(200, 2, fields), 0)
            event = client.next_event()
        assert event[0] == "failed" and not event[2] and client.state == "closed"
        assert mine._secret is None and mine._media is None
