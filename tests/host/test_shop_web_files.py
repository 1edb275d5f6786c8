"""Copies and samples by HTTP: ranges, ETags, and a download that goes on wherever it was cut."""

import asyncio
import os

import av
import pytest
from headend.http import ranged

from tests.helpers.shop_web import Counter, code_of

PATH = "/api/account/titles/1/copy"


@pytest.fixture
def shop(tmp_path):
    with Counter("sqlite://", tmp_path / "shelf") as made:
        yield made


@pytest.fixture
def ann(shop):
    shop.put()
    visitor = shop.visitor(units=100)
    visitor.put("/api/account/titles/1", json={"price": 30})
    return visitor


def test_a_download_that_was_cut_goes_on_to_the_same_octets_even_when_the_copy_has_gone(shop, ann):
    whole = ann.get(PATH)
    assert whole.headers["accept-ranges"] == "bytes" and len(whole.content) > 20_000
    for cut in (0, 1, 7, 8, 1000, len(whole.content) // 2, len(whole.content) - 1):
        shop.forget_copies()
        rest = ann.get(PATH, headers={"range": f"bytes={cut}-", "if-range": whole.headers["etag"]})
        assert rest.status_code == 206
        assert whole.content[:cut] + rest.content == whole.content
        assert rest.headers["etag"] == whole.headers["etag"]


@pytest.mark.parametrize(
    ("asked", "status", "first", "last"),
    [
        ("bytes=0-0", 206, 0, 0),
        ("bytes=10-19", 206, 10, 19),
        ("bytes=10-99999999999", 206, 10, -1),
        ("bytes=-5", 206, -5, -1),
        ("bytes=-99999999999", 206, 0, -1),
        ("BYTES=3-", 206, 3, -1),
        ("bytes=5-4", 200, 0, -1),
        ("bytes=-", 200, 0, -1),
        ("bytes=0-1,5-6", 200, 0, -1),
        ("octets=0-1", 200, 0, -1),
        ("bytes=" + "9" * 5000 + "-", 200, 0, -1),
        ("nonsense", 200, 0, -1),
    ],
)
def test_ranges(ann, asked, status, first, last):
    whole = ann.get(PATH).content
    size = len(whole)
    first, last = first % size, last % size
    answer = ann.get(PATH, headers={"range": asked})
    assert (answer.status_code, answer.content) == (status, whole[first : last + 1])
    assert answer.headers["content-length"] == str(last + 1 - first)
    if status == 206:
        assert answer.headers["content-range"] == f"bytes {first}-{last}/{size}"


@pytest.mark.parametrize("asked", ["bytes={size}-", "bytes={size}-{size}", "bytes=-0", "bytes=9999999999999-"])
def test_a_range_beyond_the_end_is_refused_with_the_size(ann, asked):
    size = len(ann.get(PATH).content)
    answer = ann.get(PATH, headers={"range": asked.format(size=size)})
    assert code_of(answer, 416) == "bad-range"
    assert answer.headers["content-range"] == f"bytes */{size}"


def test_a_range_of_other_octets_is_answered_by_the_whole(ann):
    whole = ann.get(PATH)
    for condition in ('"another"', f"W/{whole.headers['etag']}", "Sat, 28 Nov 2026 22:00:00 GMT"):
        answer = ann.get(PATH, headers={"range": "bytes=5-", "if-range": condition})
        assert (answer.status_code, answer.content) == (200, whole.content)


def test_nothing_new_is_said_without_the_octets(ann):
    etag = ann.get(PATH).headers["etag"]
    for condition in (etag, f'"x", W/{etag}', "*"):
        answer = ann.get(PATH, headers={"if-none-match": condition})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    assert ann.get(PATH, headers={"if-none-match": '"x"'}).status_code == 200


def test_head_says_what_get_would(ann):
    whole, head = ann.get(PATH), ann.head(PATH)
    assert head.content == b"" and head.status_code == 200
    assert {name: head.headers[name] for name in ("etag", "content-length", "content-type")} == {
        name: whole.headers[name] for name in ("etag", "content-length", "content-type")
    }


def test_each_buyers_copy_has_a_tag_of_its_own(shop, ann):
    bob = shop.visitor("bob", 100)
    bob.put("/api/account/titles/1", json={"price": 30})
    assert ann.get(PATH).headers["etag"] != bob.get(PATH).headers["etag"]


def test_a_file_is_sent_whole_although_it_is_taken_away_meanwhile(shop, ann, monkeypatch):
    whole = ann.get(PATH).content
    monkeypatch.setattr(ranged, "CHUNK", 1000)
    read = ranged.os.pread

    def take_away(handle, count, at):
        if at == 5000:
            shop.forget_copies()
        return read(handle, count, at)

    monkeypatch.setattr(ranged.os, "pread", take_away)
    assert ann.get(PATH).content == whole


def test_who_has_gone_is_sent_no_more(tmp_path):
    (tmp_path / "film").write_bytes(bytes(50 * ranged.CHUNK))
    handle, sent = os.open(tmp_path / "film", os.O_RDONLY), []

    async def send(message):
        sent.append(message)
        await asyncio.sleep(0)

    async def receive():
        while len(sent) < 4:
            await asyncio.sleep(0)
        return {"type": "http.disconnect"}

    answer = ranged.FileAnswer(handle, 0, 50 * ranged.CHUNK, 200, {}, "video/mp4")
    asyncio.run(answer({"type": "http", "method": "GET"}, receive, send))
    assert len(sent) < 10
    with pytest.raises(OSError):
        os.fstat(handle)


def test_a_copy_that_makes_room_before_it_is_open_is_made_again(shop, ann, monkeypatch):
    whole, make, made = ann.get(PATH).content, shop.shelf.copy_of, []

    def gone_at_first(*arguments):
        made.append(make(*arguments))
        if len(made) < 3:
            made[-1].unlink()
        return made[-1]

    monkeypatch.setattr(shop.shelf, "copy_of", gone_at_first)
    assert ann.get(PATH).content == whole and len(made) == 3


def test_an_original_that_has_gone_is_no_fault_of_the_users(shop, ann):
    for path in shop.shelf.folder.glob("*.mp4"):
        path.unlink()
    answer = ann.get(PATH)
    assert (code_of(answer, 503), answer.headers["retry-after"]) == ("unavailable", "5")
    assert code_of(ann.get("/api/titles/1/sample"), 503) == "unavailable"


# --- samples ------------------------------------------------------------------------------------------------------


def seconds_of(octets, tmp_path):
    (tmp_path / "sample.mp4").write_bytes(octets)
    with av.open(tmp_path / "sample.mp4") as source:
        frames = list(source.decode(audio=0))
    return sum(frame.samples / frame.sample_rate for frame in frames)


@pytest.mark.parametrize("kind", ["aac", "mp3", "film", "adpcm"])
def test_a_sample_is_half_of_a_short_title_in_clear(shop, tmp_path, kind):
    shop.put(kind, seconds=3)
    answer = shop.nobody.get("/api/titles/1/sample")
    assert answer.headers["content-type"] == "video/mp4" and "public" in answer.headers["cache-control"]
    assert 1 <= seconds_of(answer.content, tmp_path) < 2.6
    assert shop.nobody.get("/api/titles/1/sample", headers={"range": "bytes=0-7"}).content == answer.content[:8]


def test_a_sample_of_a_long_title_ends_after_half_a_minute(shop, tmp_path):
    shop.put(seconds=70)
    assert 29 <= seconds_of(shop.nobody.get("/api/titles/1/sample").content, tmp_path) <= 32


def test_what_is_not_sold_has_no_sample(shop):
    from headend.accounts.engine import transaction
    from headend.shop.catalogue import withdraw

    shop.put()
    with transaction(shop.stall.engine) as connection:
        withdraw(connection, 1)
    for title in (1, 2):
        assert code_of(shop.nobody.get(f"/api/titles/{title}/sample"), 404) == "no-title"


@pytest.mark.parametrize("path", [PATH, "/api/titles/1/sample"])
def test_requests_at_the_same_instant_make_one_file_and_get_it(tmp_path, path):
    with Counter(str(tmp_path / "shop.db"), tmp_path / "shelf") as shop:
        shop.put()
        ann = shop.visitor(units=100)
        ann.put("/api/account/titles/1", json={"price": 30})
        for _ in range(5):
            answers = shop.race(*[(ann, "GET", path, None)] * 6)
            assert {answer.status_code for answer in answers} == {200}
            assert len({answer.content for answer in answers}) == 1
            for made in (*shop.shelf.folder.glob("copies/*"), *shop.shelf.folder.glob("samples/*")):
                made.unlink()
