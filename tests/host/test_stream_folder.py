"""Titles in a folder: with what is said of them beside them, and to nobody where that is not understood."""

import pytest
from headend.stream.folder import Library
from headend.stream.title_options import ALL_SUITES
from settop.errors import LocalError, RemoteError
from settop.wire.stream import TDES_SHA1_80

from tests.helpers.clips import clip, have_ffmpeg

needs_clip = pytest.mark.skipif(not have_ffmpeg(), reason="ffmpeg makes the clip; apt-get install ffmpeg")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "film.ts").write_bytes(clip("radio").read_bytes())
    return tmp_path


@needs_clip
def test_a_title_is_found_with_its_suites_and_looked_at_again_when_it_changes(folder):
    library = Library(folder)
    title = library.find("film")
    assert title.name == "film" and title.suites == ALL_SUITES and library.find("film") is title
    (folder / "film.toml").write_text("free = true\nclear = true")
    assert library.find("film").suites == ()
    (folder / "film.toml").write_text("suites = ['TDES_EDE3_HMAC_SHA1_80']")
    assert library.find("film").suites == (TDES_SHA1_80,)
    (folder / "film.toml").write_text("clear = 3")
    with pytest.raises(RemoteError, match=r"film\.toml: clear is true or false"):
        library.find("film")
    (folder / "film.toml").unlink()
    assert library.find("film").suites == ALL_SUITES
    (folder / "film.ts").unlink()
    assert library.find("film") is None


@needs_clip
def test_a_lighter_variant_comes_with_its_title_and_is_looked_at_with_it(folder):
    low = folder / "film-low.ts"
    low.write_bytes(clip("radio").read_bytes()[: 188 * 300])
    (folder / "film.toml").write_text("lighter = 'film-low.ts'")
    library = Library(folder)
    title = library.find("film")
    assert [source.path for source in title.lighter] == [low] and library.find("film") is title
    low.write_bytes(clip("radio").read_bytes()[: 188 * 200])
    assert library.find("film").lighter[0].packets == 200


@needs_clip
def test_no_name_leads_out_of_the_folder(folder):
    inner = folder / "titles"
    inner.mkdir()
    library = Library(inner)
    for name in ("../film", "..", ".", "", "/film", "titles/../../film", ".film", "film\0", "a" * 65, "f\u0131lm"):
        assert library.find(name) is None
    (inner / "linked.ts").symlink_to(folder / "film.ts")
    with pytest.raises(RemoteError, match="leads out of the titles' folder"):
        library.find("linked")
    with pytest.raises(LocalError, match="is no folder"):
        Library(folder / "film.ts")


def test_what_is_no_transport_stream_is_no_title(tmp_path):
    (tmp_path / "film.ts").write_bytes(b"no stream" * 1_000)
    with pytest.raises(RemoteError):
        Library(tmp_path).find("film")
