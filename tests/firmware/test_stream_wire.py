"""Tokens and the keys of one connection: both ends agree on all of it or on nothing; what is no message is refused."""

from kit import raises
from settop.crypto.sealing import PRIMITIVES
from settop.errors import RemoteError
from settop.media import key_text
from settop.wire import stream as wire

URL = b"rtsp://192.0.2.1/film"
SEALED = bytes(range(56))
SECRET = bytes(range(100, 116))
SHARED = bytes(range(32))
OFFER = wire.pack_offer(bytes(16), bytes(range(1, 33)), (1, 2, 3))
ANSWER = wire.pack_answer(1, bytes(range(16)), bytes(range(2, 34)))
# By pycryptodome, apart from this code, as tests/host/test_stream_page.py works them out
VIEWER_PROOF = bytes.fromhex("e599101786f7697d64e72f32137f3e7a")
SERVER_PROOF = bytes.fromhex("24abbc9fdc10fb34d042ff5c56beb557")
MEDIA = bytes.fromhex("365b0480d1a78691b370faa3628bdfc794056d10105083c3e17d47011ac6")


def keys(secret=SECRET + SHARED, sealed=SEALED, url=URL, offer=OFFER, answer=ANSWER):
    return wire.Keys(PRIMITIVES, secret, sealed, url, offer, answer)


def refusal(call, *args):
    with raises(RemoteError) as caught:
        call(*args)
        raise AssertionError("taken")
    return str(caught.value)


def test_a_token_is_one_text_of_which_the_secret_stays():
    text = key_text.pack_token(SEALED, SECRET)
    assert len(text) == 96 and key_text.parse_token(text) == (SEALED, bytearray(SECRET))
    assert "+" not in key_text.pack_token(b"\xfb" * 56, b"\xff" * 16) and "/" not in key_text.pack_token(
        b"\xfb" * 56, b"\xff" * 16
    )
    assert key_text.parse_token(key_text.pack_token(b"\xfb" * 56, b"\xff" * 16))[0] == b"\xfb" * 56
    for bad in ("", "a", text[:-1], text + "AAAA", text[:-4], "+" + text[1:], "!" + text[1:], text[:-1] + "="):
        assert refusal(key_text.parse_token, bad), bad


def test_an_offer_and_an_answer_are_read_as_they_were_packed():
    assert wire.parse_offer(OFFER) == (bytes(range(1, 33)), (1, 2, 3))
    suite, public, bare, proof = wire.parse_answer(ANSWER + bytes(range(16)))
    assert (suite, public, bare, proof) == (1, bytes(range(2, 34)), ANSWER, bytes(range(16)))
    for bad in (b"", OFFER[:-1], OFFER + b"\1", b"\2" + OFFER[1:], OFFER[:49] + b"\0", OFFER[:49] + b"\x09" + bytes(9)):
        refusal(wire.parse_offer, bad)
    for bad in (b"", ANSWER, ANSWER + bytes(15), ANSWER + bytes(17), b"\2" + ANSWER[1:] + bytes(16)):
        refusal(wire.parse_answer, bad)


def test_the_viewer_takes_its_own_favourite_of_what_is_offered():
    assert wire.choose((3, 1, 2), (2, 1)) == 2 and wire.choose((1,), (2, 1)) == 1
    refusal(wire.choose, (3,), (2, 1))
    refusal(keys, SECRET, SEALED, URL, OFFER, b"\1\x09" + ANSWER[2:])


def test_both_ends_have_the_same_keys_and_no_two_of_them_are_alike():
    mine, other = keys(), keys()
    assert mine.proves_viewer(other.viewer_proof) and mine.proves_server(other.server_proof)
    assert (mine.media, mine.reports, mine.back) == (other.media, other.reports, other.back)
    assert mine.viewer_proof == VIEWER_PROOF and mine.server_proof == SERVER_PROOF
    assert bytes(mine.media[0] + mine.media[1]) == MEDIA
    found = [bytes(part) for pair in (mine.media, mine.reports, mine.back) for part in pair]
    found += [mine.viewer_proof, mine.server_proof]
    assert len(set(found)) == len(found)
    assert [len(part) for part in mine.media] == [16, 14] and mine.name == "AES_CM_128_HMAC_SHA1_80"
    for suite, sizes in ((2, [16, 12]), (3, [24, 14])):
        other = keys(answer=wire.pack_answer(suite, ANSWER[2:18], ANSWER[18:]))
        assert [len(part) for part in other.media] == sizes


def test_whatever_was_changed_on_the_way_changes_both_proofs():
    mine = keys()
    for other in (
        keys(secret=SECRET + bytes(32)),
        keys(secret=bytes(16) + SHARED),
        keys(sealed=bytes(56)),
        keys(url=URL + b"2"),
        keys(offer=wire.pack_offer(bytes(16), bytes(range(1, 33)), (1, 3))),  # the better suite taken out
        keys(offer=wire.pack_offer(b"\1" + bytes(15), bytes(range(1, 33)), (1, 2, 3))),
        keys(answer=wire.pack_answer(3, ANSWER[2:18], ANSWER[18:])),
        keys(answer=wire.pack_answer(1, bytes(16), ANSWER[18:])),
    ):
        assert not mine.proves_viewer(other.viewer_proof) and not mine.proves_server(other.server_proof)
        assert mine.media != other.media and mine.back != other.back


def test_keys_are_cleared():
    mine = keys()
    mine.wipe()
    assert all(bytes(part) == bytes(len(part)) for pair in (mine.media, mine.reports, mine.back) for part in pair)


def test_the_field_and_the_attribute_carry_them():
    value = key_text.pack_field("rtsp://h/f", OFFER).encode()
    assert key_text.parse_field(value, 64) == OFFER
    assert key_text.parse_field(b'prot=mikey; uri="a"; data="AAAA", ' + value, 64) == OFFER
    assert key_text.parse_field(b'prot=mikey; uri="a"; data="AAAA"', 64) is None
    for bad in (b'prot=ringcast; uri="a"', b'prot=ringcast; data="AA A"', b'prot=ringcast; data="' + b"A" * 200 + b'"'):
        refusal(key_text.parse_field, bad, 64)
    assert key_text.parse_attribute(key_text.pack_attribute(OFFER), 64) == OFFER
    assert key_text.parse_attribute("mikey AAAA", 64) is None
    for bad in ("ringcast", "ringcast AAA", "ringcast " + "A" * 200, "ringcast AA==AAAA"):
        refusal(key_text.parse_attribute, bad, 64)
