"""Copies for buyers: encrypted under the purchase's key, with the buyer's number, the same each time."""

import pytest
from headend.accounts.engine import transaction
from headend.shop import catalogue
from headend.shop.delivering import Shelf
from headend.titles.boxes import File
from headend.titles.extras import read_extras, read_purchaser
from headend.titles.info import read_info
from headend.titles.keys import Keys
from headend.titles.opening import find_movie, unpack
from settop.errors import LocalError, RemoteError

from tests.helpers.shop import NOW, Stall
from tests.helpers.tunes import stored, tune


@pytest.fixture
def stall():
    return Stall("sqlite://")


@pytest.fixture
def shelf(tmp_path):
    return Shelf(tmp_path / "shelf")


def put(stall, shelf, kind="aac", group=None, **extras):
    original = shelf.add(tune(kind), extras)
    with transaction(stall.engine) as connection:
        values = (kind, 30, group, original.file, original.digest, original.texts(), NOW)
        return catalogue.add_title(connection, *values)


def opened(path, key, tmp_path):
    target = tmp_path / "opened.mp4"
    with target.open("wb") as file:
        unpack(path, file, Keys({}, key))
    return stored(target)


@pytest.mark.parametrize("kind", ["aac", "mp3", "film", "adpcm"])
def test_e11_buyer_gets_a_copy_that_his_key_alone_opens(stall, shelf, tmp_path, kind):
    title, user, other = put(stall, shelf, kind), stall.user(100), stall.user(100)
    mine, his = (stall.buy(who, title, NOW)[0] for who in (user, other))
    copy = shelf.copy_of(stall.engine, mine, user)
    assert copy.read_bytes() != shelf.copy_of(stall.engine, his, other).read_bytes()
    original = stored(next(shelf._folder.glob("*.mp4")))
    assert opened(copy, mine.key, tmp_path) == original != opened(copy, his.key, tmp_path)
    with File(copy) as file:
        assert read_purchaser(find_movie(file)) == user
    assert all(track.kid == mine.kid.hex() for track in read_info(copy).tracks)


def test_e11_the_key_comes_before_or_after_the_content(stall, shelf, tmp_path):
    title, user = put(stall, shelf), stall.user(100)
    bought, _ = stall.buy(user, title, NOW)
    copy = shelf.copy_of(stall.engine, stall.right(user, title), user).read_bytes()  # content, then key
    assert stall.right(user, title).key == bought.key
    assert shelf.copy_of(stall.engine, stall.restore(user)[0], user).read_bytes() == copy  # key, then content


def test_a_copy_is_the_same_after_it_has_gone(stall, shelf):
    title, user = put(stall, shelf), stall.user(100)
    bought, _ = stall.buy(user, title, NOW)
    copy = shelf.copy_of(stall.engine, bought, user)
    octets = copy.read_bytes()
    copy.unlink()
    assert shelf.copy_of(stall.engine, bought, user).read_bytes() == octets


def test_titles_of_a_group_have_ivs_of_their_own(stall, shelf):
    jazz, user = stall.group("Jazz"), stall.user(100)
    stall.join(user, jazz, NOW)
    bought = [stall.buy(user, put(stall, shelf, kind, jazz), NOW)[0] for kind in ("aac", "mp3")]
    assert bought[0].key == bought[1].key
    ivs = []
    for one in bought:
        data = shelf.copy_of(stall.engine, one, user).read_bytes()
        at = data.index(b"senc")
        ivs.append(data[at + 12 : at + 20])
    assert ivs[0] != ivs[1]


def test_extras_come_along_and_texts_are_in_the_catalogue(stall, shelf):
    title, user = put(stall, shelf, lyrics=b"so blue", score=b"\xff\xfe"), stall.user(100)
    assert dict(stall.directory()[0].extras)["lyrics"] == "so blue"
    assert "score" not in stall.directory()[0].extras
    with File(shelf.copy_of(stall.engine, stall.buy(user, title, NOW)[0], user)) as file:
        extras = read_extras(find_movie(file))
    assert (extras["lyrics"], extras["score"]) == (b"so blue", b"\xff\xfe")


def test_an_original_that_was_changed_is_not_packed(stall, shelf):
    title, user = put(stall, shelf), stall.user(100)
    bought, _ = stall.buy(user, title, NOW)
    original = next(shelf._folder.glob("*.mp4"))
    whole = original.read_bytes()
    original.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(LocalError, match="has gone or was changed"):
        shelf.copy_of(stall.engine, bought, user)
    original.unlink()
    with pytest.raises(LocalError, match="has gone or was changed"):
        shelf.copy_of(stall.engine, bought, user)
    original.write_bytes(whole)
    assert shelf.copy_of(stall.engine, bought, user)


def test_copies_that_nobody_asks_for_make_room(stall, shelf, tmp_path):
    title = put(stall, shelf)
    users = [stall.user(100) for _ in range(4)]
    bought = [stall.buy(user, title, NOW)[0] for user in users]
    size = shelf.copy_of(stall.engine, bought[0], users[0]).stat().st_size
    small = Shelf(tmp_path / "shelf", room=2 * size + size // 2)
    for one, user in zip(bought, users, strict=True):
        small.copy_of(stall.engine, one, user)
    left = {path.name.split("-")[0] for path in (tmp_path / "shelf/copies").iterdir()}
    assert left == {one.kid.hex() for one in bought[-2:]}
    tiny = Shelf(tmp_path / "shelf", room=1)
    assert tiny.copy_of(stall.engine, bought[0], users[0]).exists()


def test_what_cannot_be_read_is_not_taken_in(shelf, tmp_path):
    (tmp_path / "noise").write_bytes(b"noise")
    with pytest.raises(RemoteError):
        shelf.add(tmp_path / "noise", {})
    assert list(shelf._folder.glob("*.mp4")) == []
