"""Licences by Clear Key as a server gives them; sessions that stay, are renewed, given back (EME, 9.1.3 to 9.1.6)."""

import itertools
import json
import random

import pytest
from headend.titles import licence_server
from headend.titles.licence import PERSISTENT, TEMPORARY, read_licence, release_text, request_text
from headend.titles.licence_server import LicenceServer, RefusedError, Session
from headend.titles.session_files import SessionFiles
from settop.errors import LocalError, RemoteError

NOW_MS = 1_795_000_000_000
LIFE_MS = 86_400_000
# The specification's own: 9.1.3, and the release and acknowledgement of 9.1.5 and 9.1.6, without their line breaks.
KIDS = bytes.fromhex("2f05477fc24bb4faefd86517156daffc"), bytes.fromhex("d0376d53da1df818792f7c5bbf45dffc")
REQUEST = b'{"kids":["LwVHf8JLtPrv2GUXFW2v_A","0DdtU9od-Bh5L3xbv0Xf_A"],"type":"temporary"}'
RELEASE = b'{"kids":["LwVHf8JLtPrv2GUXFW2v_A","0DdtU9od-Bh5L3xbv0Xf_A"]}'
KEYS = {KIDS[0]: bytes(range(16)), KIDS[1]: bytes(range(16, 32)), bytes(16): bytes(range(32, 48))}
STAYS = request_text(KIDS, PERSISTENT)


def steady():
    numbers = itertools.count(1)
    return lambda count: bytes([next(numbers)]) * count


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "sessions"


@pytest.fixture
def server(folder):
    return LicenceServer(dict(KEYS), SessionFiles(folder), steady(), LIFE_MS)


def begun(server):
    """A session's id."""
    return json.loads(server.answer(STAYS, NOW_MS))["session"]


def test_a_temporary_licence_has_the_keys_that_were_asked_for_and_leaves_nothing(server, folder):
    text = server.answer(REQUEST, NOW_MS)
    assert dict(read_licence(text).keys) == {kid: KEYS[kid] for kid in KIDS}
    assert json.loads(text).keys() == {"keys", "type"} and read_licence(text).type == TEMPORARY
    assert list(folder.iterdir()) == []


def test_of_several_ids_those_are_answered_that_are_known(server):
    found = read_licence(server.answer(request_text([b"?" * 16, KIDS[0]]), NOW_MS))
    assert dict(found.keys) == {KIDS[0]: KEYS[KIDS[0]]}
    with pytest.raises(RefusedError, match="no key of these ids: 3f3f3f3f"):
        server.answer(request_text([b"?" * 16]), NOW_MS)


def test_a_persistent_licence_begins_a_session_that_another_server_loads(server, folder):
    text = server.answer(STAYS, NOW_MS)
    told = json.loads(text)
    assert (told["type"], told["session"], told["end"]) == (PERSISTENT, "01" * 16, NOW_MS + LIFE_MS)
    later = LicenceServer(dict(KEYS), SessionFiles(folder), steady(), LIFE_MS)
    assert later.load("01" * 16, NOW_MS + LIFE_MS - 1) == text
    with pytest.raises(RefusedError, match="over"):
        later.load("01" * 16, NOW_MS + LIFE_MS)


def test_a_licence_without_an_end_has_none(folder):
    server = LicenceServer(dict(KEYS), SessionFiles(folder), steady())
    told = json.loads(server.answer(STAYS, NOW_MS))
    assert "end" not in told and server.load(told["session"], NOW_MS * 2)


def test_renewal_puts_a_new_end_in_the_place_of_the_old_one(server, folder):
    name = begun(server)
    told = json.loads(server.answer(STAYS, NOW_MS + LIFE_MS - 1, name))
    assert told["session"] == name and told["end"] == NOW_MS + 2 * LIFE_MS - 1
    assert json.loads(server.load(name, NOW_MS + LIFE_MS)) == told
    assert SessionFiles(folder).find(name) == Session(name, KIDS, 2, told["end"])
    with pytest.raises(RefusedError, match="over"):
        server.answer(STAYS, told["end"], name)


def test_renewal_gives_the_keys_that_there_are_now(folder):
    keys = dict(KEYS)
    server = LicenceServer(keys, SessionFiles(folder), steady(), LIFE_MS)
    name = begun(server)
    keys[KIDS[0]] = bytes(16)
    assert read_licence(server.answer(STAYS, NOW_MS, name)).keys[KIDS[0]] == bytes(16)
    del keys[KIDS[1]]
    for ask in (lambda: server.load(name, NOW_MS), lambda: server.answer(STAYS, NOW_MS, name)):
        with pytest.raises(RefusedError, match="not here any more"):
            ask()
    assert SessionFiles(folder).find(name).number == 2


def test_what_was_released_is_acknowledged_and_neither_loaded_nor_renewed(server, folder):
    name = begun(server)
    assert release_text(KIDS) == RELEASE
    assert server.answer(RELEASE, NOW_MS, name) == RELEASE
    later = LicenceServer(dict(KEYS), SessionFiles(folder), steady(), LIFE_MS)
    for ask in (lambda: later.load(name, NOW_MS), lambda: later.answer(STAYS, NOW_MS, name)):
        with pytest.raises(RefusedError, match="released"):
            ask()


def test_a_release_whose_acknowledgement_was_lost_is_acknowledged_again(server):
    name = begun(server)
    assert server.answer(RELEASE, NOW_MS, name) == server.answer(RELEASE, NOW_MS + 1, name) == RELEASE


def test_a_session_that_is_over_can_be_released(server):
    name = begun(server)
    assert server.answer(RELEASE, NOW_MS + 9 * LIFE_MS, name) == RELEASE


def test_one_session_is_nothing_to_another(server):
    one, other = begun(server), begun(server)
    assert one != other
    server.answer(RELEASE, NOW_MS, one)
    assert server.load(other, NOW_MS)


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (REQUEST, "not for the keys of this session"),
        (request_text(KIDS[:1], PERSISTENT), "not for the keys of this session"),
        (release_text(KIDS[:1]), "not for the keys of this session"),
        (release_text([*KIDS, bytes(16)]), "not for the keys of this session"),
    ],
)
def test_a_message_for_other_keys_changes_nothing(message, says, server, folder):
    name = begun(server)
    was = SessionFiles(folder).find(name)
    with pytest.raises(RefusedError, match=says):
        server.answer(message, NOW_MS, name)
    assert SessionFiles(folder).find(name) == was


@pytest.mark.parametrize("name", ["ff" * 16, "FF" * 16, "../../etc/passwd", "", "01", "0" * 31 + "\n"])
def test_sessions_that_are_not_there(name, server):
    begun(server)
    with pytest.raises(RefusedError, match="no such session"):
        server.load(name, NOW_MS)
    with pytest.raises(RemoteError):
        server.answer(RELEASE, NOW_MS, name)


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (b"", "not a JSON object"),
        (b'{"kids":["LwVHf8JLtPrv2GUXFW2v_A"],"firstTime":1,"latestTime":2}', "record of usage"),
        (b'{"kids":["LwVHf8JLtPrv2GUXFW2v_A"],"type":"persistent-usage-record"}', '"type" is not'),
        (b'{"kids":["LwVHf8JLtPrv2GUXFW2v_A=="],"type":"temporary"}', "without padding"),
        (b'{"kids":[],"type":"temporary"}', "no key ids"),
        (RELEASE, "of which session"),
        (b" " * 65_537, "up to 65536"),
    ],
)
def test_what_is_no_message_is_refused(message, says, server):
    with pytest.raises(RemoteError, match=says):
        server.answer(message, NOW_MS)


def test_noise_is_refused_in_one_line_and_never_answered(server, folder):
    rng = random.Random("licence requests")
    for number in range(2_000):
        data = bytearray(rng.choice((REQUEST, RELEASE, STAYS)))
        for _ in range(rng.randrange(1, 5)):
            at = rng.randrange(len(data))
            data[at : at + rng.randrange(3)] = rng.choice(
                (b"", b'"', b"[", b"{", b"\\u0000", bytes([rng.randrange(256)]))
            )
        name = rng.choice(("", "ff" * 16, data[:32].hex()[:32]))
        try:
            read_licence(server.answer(bytes(data), NOW_MS, name))
        except RemoteError as error:
            assert len(str(error)) < 250 and str(error).isprintable(), f"case {number}: {data}"


def test_a_full_house_lets_those_go_that_are_over(monkeypatch, folder):
    monkeypatch.setattr(licence_server, "SESSIONS_LIMIT", 3)
    server = LicenceServer(dict(KEYS), SessionFiles(folder), steady(), LIFE_MS)
    names = [begun(server) for _ in range(3)]
    with pytest.raises(RefusedError, match="3 sessions already"):
        server.answer(STAYS, NOW_MS)
    server.answer(RELEASE, NOW_MS, names[1])
    begun(server)
    assert set(SessionFiles(folder).names()) == {names[0], names[2], "04" * 16}
    assert json.loads(server.answer(STAYS, NOW_MS + LIFE_MS))["session"] == "05" * 16


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"kids":["00"],"number":1,"end_ms":null,"released":false}'])
def test_a_damaged_session_is_no_session_and_does_not_stop_others(text, server, folder):
    name, other = begun(server), begun(server)
    (folder / f"{name}.json").write_text(text, encoding="ascii")
    with pytest.raises(RemoteError, match="damaged"):
        server.load(name, NOW_MS)
    assert server.load(other, NOW_MS)


def test_sessions_lie_there_for_their_owner_alone_and_without_keys(server, folder):
    name = begun(server)
    file = folder / f"{name}.json"
    assert file.stat().st_mode & 0o777 == 0o600 and folder.stat().st_mode & 0o777 == 0o700
    assert all(key.hex() not in file.read_text(encoding="ascii") for key in KEYS.values())


def test_a_session_does_not_show_by_what_name_one_may_act(server, folder):
    name = begun(server)
    assert name not in repr(SessionFiles(folder).find(name))


@pytest.mark.parametrize("life_ms", [0, -1, licence_server.LONGEST_MS + 1])
def test_lives_that_are_none(life_ms, folder):
    with pytest.raises(LocalError, match="a licence is good for"):
        LicenceServer(dict(KEYS), SessionFiles(folder), steady(), life_ms)


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(LocalError, match="not a folder"):
        SessionFiles(tmp_path / "file")
