"""Browsers play our titles by licences of our server: Chromium, Shaka Player in it, and Firefox, which keeps them.

Chromium's Clear Key knows temporary sessions alone. Firefox's keeps persistent ones, but sends no message when one is
given back: that message is the specification's own (9.1.5).
"""

import itertools
import json
import threading
from pathlib import Path

import pytest
from headend.titles.boxes import File
from headend.titles.licence import PERSISTENT, read_licence, release_text, request_text
from headend.titles.licence_server import LicenceServer
from headend.titles.protection import CBCS, CENC
from headend.titles.session_files import SessionFiles
from testbed.commands._licence_http import LicenceHttp

from tests.helpers.browser import firefox
from tests.helpers.page_server import PageServer
from tests.helpers.tunes import KEY, KID, packed, tune

pytestmark = pytest.mark.peer

SECONDS = 6
ENOUGH_S, LIMIT_MS = 1.0, 20_000
KID_TEXT = json.loads(request_text([KID]))["kids"][0]
SOUND, FILM, PICTURE = (
    'audio/mp4; codecs="mp4a.40.2"',
    'video/mp4; codecs="avc1.42E01E,mp4a.40.2"',
    "video/mp4; codecs=avc1.42E01E",
)
TYPES = {"aac": SOUND, "film": FILM, "silent_film": PICTURE}
SCRIPT = (Path(__file__).parents[1] / "helpers/eme_page.js").read_bytes()


class Books(LicenceServer):
    """Notes the messages. `later`: keys that it has from the first renewal on."""

    def __init__(self, keys, folder):
        numbers = itertools.count(1)
        super().__init__(keys, SessionFiles(folder), lambda count: bytes([next(numbers)]) * count, 3_600_000)
        self.keys = keys
        self.messages = []
        self.later = {}

    def answer(self, message, now_ms, session=""):
        self.messages.append((message, session))
        if session:
            self.keys.update(self.later)
        return super().answer(message, now_ms, session)


@pytest.fixture(scope="module")
def titles(tmp_path_factory):
    """Octets by (tune, scheme)."""
    folder = tmp_path_factory.mktemp("titles")
    return {
        (name, scheme): packed(tune(name, SECONDS), folder / f"{name}-{scheme}.mp4", scheme).read_bytes()
        for name in TYPES
        for scheme in (CENC, CBCS)
    }


@pytest.fixture
def pages(titles):
    page = b"<!doctype html><title>player</title><body><script src=eme_page.js></script>"
    files = {"/page.html": page, "/eme_page.js": SCRIPT, "/favicon.ico": b""}
    files |= {f"/{name}-{scheme}.mp4": data for (name, scheme), data in titles.items()}
    with PageServer(files) as made:
        yield made


@pytest.fixture
def books(tmp_path):
    return Books({KID: KEY}, tmp_path / "sessions")


@pytest.fixture
def licences(books, pages):
    """Where the licence server is."""
    with LicenceHttp(books, 0, pages.origin) as made:
        runs = threading.Thread(target=made.serve_forever, args=(0.02,))
        runs.start()
        yield f"http://127.0.0.1:{made.server_port}/"
        made.shutdown()
        runs.join()


@pytest.fixture
def page(chromium, pages):
    made = chromium.new_page()
    made.goto(f"{pages.origin}/page.html")
    yield made
    made.close()


BY_ITSELF = """async ([server, kid, file, type, enoughS, limitMs]) => {
  const player = await prepared("temporary");
  const session = player.video.mediaKeys.createSession();
  const [kind, message] = await asked(session, [kid]);
  const [status, licence] = server ? await sent(server, message) : [0, ""];
  if (status === 200) await session.update(octets(licence));
  const keys = statuses(session);
  return { kind, message, status, keys, ...(await played(player, file, type, enoughS, limitMs, status === 200)) };
}"""


def by_itself(page, server, name, scheme):
    return page.evaluate(BY_ITSELF, [server, KID_TEXT, f"/{name}-{scheme}.mp4", TYPES[name], ENOUGH_S, LIMIT_MS])


@pytest.mark.parametrize("scheme", [CENC, CBCS])
@pytest.mark.parametrize("name", TYPES)
def test_chromium_plays_a_title_by_our_licence(name, scheme, page, licences, books):
    found = by_itself(page, licences, name, scheme)
    assert found["error"] is None and found["at"] >= ENOUGH_S and found["keys"] == ["usable"]
    assert (found["bytes"] > 0 or name == "silent_film") and (found["frames"] > 0 or name == "aac")
    # What it asks for is what `title licence request` says that it would.
    assert (found["kind"], found["message"].encode()) == ("license-request", request_text([KID]))
    assert books.messages == [(request_text([KID]), "")]


@pytest.mark.parametrize("scheme", [CENC, CBCS])
@pytest.mark.parametrize("name", TYPES)
def test_with_another_key_chromium_gives_up_and_nothing_is_heard(name, scheme, page, licences, books):
    books.keys[KID] = bytes(16)
    found = by_itself(page, licences, name, scheme)
    assert found["error"][0] == 3  # MEDIA_ERR_DECODE
    assert found["at"] == 0 and not found["bytes"] and not found["frames"]


@pytest.mark.parametrize("name", ["aac", "film"])
def test_without_a_licence_chromium_waits_for_the_key(name, page):
    found = by_itself(page, None, name, CENC)
    assert "waitingforkey" in found["seen"] and found["error"] is None
    assert found["at"] == 0 and not found["bytes"] and not found["frames"]


def test_a_licence_that_is_refused_opens_nothing(page, licences, books):
    books.keys.clear()
    found = by_itself(page, licences, "aac", CENC)
    assert found["status"] == 403 and found["keys"] == [] and found["at"] == 0 and "waitingforkey" in found["seen"]


def manifest(data, name, path):
    """A title's DASH manifest, of the on-demand profile: its beginning and its index say all that is wanted."""
    path.write_bytes(data)
    with File(path) as file:
        sidx = next(box for box in file.tops() if box.kind == b"sidx")
    kind, _, codecs = TYPES[name].partition("; codecs=")
    codecs = codecs.strip('"')
    kid = f"{KID[:4].hex()}-{KID[4:6].hex()}-{KID[6:8].hex()}-{KID[8:10].hex()}-{KID[10:].hex()}"
    return f"""<?xml version="1.0" encoding="utf-8"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" xmlns:cenc="urn:mpeg:cenc:2013" type="static"
  profiles="urn:mpeg:dash:profile:isoff-on-demand:2011" minBufferTime="PT1S" mediaPresentationDuration="PT{SECONDS}S">
  <Period><AdaptationSet mimeType="{kind}" codecs="{codecs}">
    <ContentProtection schemeIdUri="urn:mpeg:dash:mp4protection:2011" value="{path.stem}" cenc:default_KID="{kid}"/>
    <ContentProtection schemeIdUri="urn:uuid:e2719d58-a985-b3c9-781a-b030af78d30e" value="ClearKey1.0"/>
    <Representation id="1" bandwidth="1000000"><BaseURL>title.mp4</BaseURL>
      <SegmentBase indexRange="{sidx.start}-{sidx.end - 1}"><Initialization range="0-{sidx.start - 1}"/></SegmentBase>
    </Representation>
  </AdaptationSet></Period>
</MPD>""".encode()


@pytest.fixture
def by_shaka(page, pages, titles, shaka_player, tmp_path):
    def play(server, name, scheme):
        data = titles[name, scheme]
        pages.files |= {
            "/shaka.js": shaka_player,
            "/title.mp4": data,
            "/title.mpd": manifest(data, name, tmp_path / f"{scheme}.mp4"),
        }
        page.add_script_tag(url="/shaka.js")
        script = "([server, enoughS, limitMs]) => playedByShaka('/title.mpd', server, enoughS, limitMs)"
        return page.evaluate(script, [server, ENOUGH_S, LIMIT_MS])

    return play


@pytest.mark.parametrize("scheme", [CENC, CBCS])
@pytest.mark.parametrize("name", ["aac", "film"])
def test_shaka_player_plays_a_title_by_its_index_and_our_licence(name, scheme, by_shaka, licences, books):
    found = by_shaka(licences, name, scheme)
    # It may begin before the licence is there.
    assert [one for one in found["seen"] if one != "waitingforkey"] == ["playing"] and found["error"] is None
    assert found["at"] >= ENOUGH_S and found["bytes"] > 0
    assert found["keys"] == {KID.hex(): "usable"} and books.messages == [(request_text([KID]), "")]


@pytest.mark.parametrize("keys", [{}, {KID: bytes(16)}], ids=["refused", "wrong"])
def test_shaka_player_plays_nothing_without_the_right_key(keys, by_shaka, licences, books):
    books.keys.clear()
    books.keys.update(keys)
    found = by_shaka(licences, "aac", CENC)
    assert not found["bytes"] and "playing" not in found["seen"]
    if keys:
        assert found["error"][0] == 3  # MEDIA_ERR_DECODE; Shaka Player says so, too, but perhaps a moment later
    else:
        assert "shaka 6007" in found["seen"]  # LICENSE_REQUEST_FAILED


FIRST = """
  const player = await prepared("persistent-license");
  const keys = player.video.mediaKeys, session = keys.createSession("persistent-license");
  const [kind, message] = await asked(session, [kid]);
  const [status, licence] = await sent(server, message);
  await session.update(octets(licence));
  const was = statuses(session), name = session.sessionId, ours = JSON.parse(licence).session;
  const [, renewed] = await sent(server + ours, message);
  await session.update(octets(renewed));
  const heard = await played(player, "/silent_film-cenc.mp4", type, enoughS, limitMs);
  await session.close();
  return { kind, message, was, name, ours, licence, renewed, heard };
"""
AGAIN = """
  const player = await prepared("persistent-license");
  const session = player.video.mediaKeys.createSession("persistent-license");
  const loaded = await session.load(name);
  const was = statuses(session);
  return { loaded, was, heard: await played(player, "/silent_film-cenc.mp4", type, enoughS, limitMs) };
"""
LAST = """
  const player = await prepared("persistent-license");
  const keys = player.video.mediaKeys, session = keys.createSession("persistent-license");
  await session.load(name);
  const release = JSON.stringify({ kids: [kid] });
  await session.remove();
  const [status, acknowledged] = await sent(server + ours, release);
  const request = JSON.stringify({ kids: [kid], type: "persistent-license" });
  const after = [await sent(server + ours), await sent(server + ours, request)];
  return { status, acknowledged, after, loaded: await keys.createSession("persistent-license").load(name) };
"""


class Firefox:
    """Each script in a browser that was started anew, with what it kept. It plays no sound where there is no device for
    it: hence a silent film.
    """

    def __init__(self, program, profile, pages, licences):
        self._program, self._profile, self._pages, self._licences = program, profile, pages, licences

    def run(self, script, name="", ours=""):
        told = json.dumps([self._licences, KID_TEXT, PICTURE, ENOUGH_S, LIMIT_MS, name, ours])
        self._pages.files["/run.html"] = f"""<!doctype html><body><script src=eme_page.js></script><script>
          const [server, kid, type, enoughS, limitMs, name, ours] = {told};
          (async () => {{ {script} }})().catch((error) => ({{ failed: String(error) }})).then(
            (found) => fetch("/report", {{ method: "POST", body: JSON.stringify(found) }}));
        </script>""".encode()
        with firefox(self._program, self._profile, f"{self._pages.origin}/run.html"):
            found = self._pages.report(120)
        assert "failed" not in found, found
        return found


@pytest.fixture
def fox(need, tmp_path, pages, licences):
    need("ffmpeg")  # whose libraries are its decoder of H.264
    return Firefox(need("firefox-esr"), tmp_path / "profile", pages, licences)


def heard(found):
    return found["error"] is None and found["at"] >= ENOUGH_S


def test_firefox_keeps_a_persistent_licence_of_ours_until_it_is_given_back(fox, books, tmp_path):
    """Asked for, renewed, and the title played; in a second browser loaded, without a word to the server; in a third
    removed and released. The licence of before the renewal, which has another key, is out of force.
    """
    books.keys[KID], books.later = bytes(16), {KID: KEY}
    first = fox.run(FIRST)
    stays = request_text([KID], PERSISTENT)
    assert (first["kind"], first["message"].encode(), first["was"]) == ("license-request", stays, ["usable"])
    assert heard(first["heard"]) and books.messages == [(stays, ""), (stays, first["ours"])]
    ends = [json.loads(first[name])["end"] for name in ("licence", "renewed")]
    assert ends[0] <= ends[1] == SessionFiles(tmp_path / "sessions").find(first["ours"]).end_ms
    assert dict(read_licence(first["renewed"].encode()).keys) == {KID: KEY}

    again = fox.run(AGAIN, first["name"])
    assert again["loaded"] and again["was"] == ["usable"] and heard(again["heard"]) and len(books.messages) == 2

    last = fox.run(LAST, first["name"], first["ours"])
    assert (last["status"], last["acknowledged"].encode()) == (200, release_text([KID]))
    assert last["after"] == [[403, "the session was released\n"]] * 2 and not last["loaded"]
