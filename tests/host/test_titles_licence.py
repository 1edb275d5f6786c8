"""Licences: Clear Key JSON as W3C's Encrypted Media Extensions have it, and what is none."""

import json

import pytest
from headend.titles.licence import PERSISTENT, TEMPORARY, Licence, read_licence, read_request, request_text
from settop.errors import LocalError, RemoteError

# The examples of the specification: 9.1.3 (the first of its two key ids) and 9.1.4.
EXAMPLE = b'{"keys":[{"kty":"oct","k":"tQ0bJVWb6b0KPL6KtZIy_A","kid":"LwVHf8JLtPrv2GUXFW2v_A"}],"type":"temporary"}'
EXAMPLE_KID = bytes.fromhex("2f05477fc24bb4faefd86517156daffc")
EXAMPLE_KEY = bytes.fromhex("b50d1b25559be9bd0a3cbe8ab59232fc")
REQUEST = b'{"kids":["LwVHf8JLtPrv2GUXFW2v_A"],"type":"temporary"}'


def test_the_specifications_example_is_read_and_written():
    found = read_licence(EXAMPLE)
    assert dict(found.keys) == {EXAMPLE_KID: EXAMPLE_KEY} and found.type == TEMPORARY
    assert Licence({EXAMPLE_KID: EXAMPLE_KEY}).text() == EXAMPLE
    assert request_text([EXAMPLE_KID]) == REQUEST
    assert read_request(REQUEST) == ([EXAMPLE_KID], TEMPORARY)


def test_the_type_may_be_missing_and_what_is_unknown_is_passed_over():
    text = json.loads(EXAMPLE)
    del text["type"]
    text["more"] = text["keys"][0]["alg"] = "A128KW"
    assert read_licence(json.dumps(text, indent=1).encode()) == read_licence(EXAMPLE)


def test_several_keys_and_a_licence_that_stays():
    keys = {bytes([number] * 16): bytes([number + 100] * 16) for number in range(40)}
    made = Licence(keys, PERSISTENT)
    assert read_licence(made.text()) == made


def test_a_key_shows_nowhere():
    for held in (read_licence(EXAMPLE), Licence({EXAMPLE_KID: EXAMPLE_KEY})):
        assert "tQ0b" not in repr(held) and EXAMPLE_KEY.hex() not in repr(held)


def changed(**members):
    text = json.loads(EXAMPLE)
    text["keys"][0].update(members)
    return json.dumps(text).encode()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not a JSON object"),
        (b"\xff\xfe", "not a JSON object"),
        (b"[" * 100_000, "not a JSON object"),
        (b"[]", "not a JSON object"),
        (b"{}", 'no list "keys"'),
        (b'{"keys":{}}', 'no list "keys"'),
        (b'{"keys":[]}', "no keys"),
        (b'{"keys":[1]}', "no symmetric key"),
        (changed(kty="RSA"), "no symmetric key"),
        (changed(k="tQ0bJVWb6b0KPL6KtZIy_A=="), "without padding"),
        (changed(k="tQ0bJVWb6b0KPL6KtZIy/A"), "without padding"),
        (changed(k="tQ0b"), "a key of 3"),
        (changed(k=7), "without padding"),
        (changed(kid="LwVH"), "key id of 3 bytes"),
        (changed(kid=None), "without padding"),
        (EXAMPLE.replace(b"temporary", b"eternal"), '"type" is not'),
        (b'{"keys":[' + b",".join([b"1"] * 10_001) + b"]}", "more than 10000"),
        (b" " * ((4 << 20) + 1), "up to 4194304"),
    ],
)
def test_what_is_no_licence_is_refused_and_not_repeated(data, says):
    with pytest.raises(RemoteError, match=says) as caught:
        read_licence(data)
    assert "tQ0b" not in str(caught.value)


def test_two_keys_of_one_id_are_refused_unless_they_are_one():
    text = json.loads(EXAMPLE)
    text["keys"].append(dict(text["keys"][0]))
    assert len(read_licence(json.dumps(text).encode()).keys) == 1
    text["keys"][1]["k"] = "AAAAAAAAAAAAAAAAAAAAAA"
    with pytest.raises(RemoteError, match="two keys for key id 2f05477f"):
        read_licence(json.dumps(text).encode())


@pytest.mark.parametrize("data", [b"{}", b'{"kids":[]}', b'{"kids":["AAAA"]}', b'{"kids":[3]}', b"null"])
def test_what_is_no_request_is_refused(data):
    with pytest.raises(RemoteError):
        read_request(data)


@pytest.mark.parametrize(
    ("keys", "kind"), [({}, TEMPORARY), ({bytes(16): bytes(15)}, TEMPORARY), ({bytes(16): bytes(16)}, "for ever")]
)
def test_licences_that_cannot_be_are_not_made(keys, kind):
    with pytest.raises(LocalError):
        Licence(keys, kind)
