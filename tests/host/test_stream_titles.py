"""Titles in a folder, and what is said of them beside them: whatever is not understood is sent to nobody."""

import os

import pytest
from headend.stream.library import Library
from headend.stream.options import DEFAULT_SUITES, Limit, Options, load
from settop.errors import LocalError, RemoteError
from settop.wire.stream import AES_CM_SHA1_80, TDES_SHA1_80

from tests.helpers.clips import clip, have_ffmpeg

WHOLE = """
free = true
suites = ["TDES_EDE3_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_80"]
lighter = "film-light"

[[limits]]
name = "a day"
hours = 24
price = 0
[[limits]]
name = "two days"
hours = 48
price = 0
"""


@pytest.fixture
def said(tmp_path):
    def written(text):
        path = tmp_path / "film.toml"
        path.write_text(text)
        return load(path)

    return written


def test_a_title_of_which_nothing_is_said_wants_a_token_and_is_protected(tmp_path, said):
    assert load(tmp_path / "none.toml") == said("") == Options()
    assert Options().suites == DEFAULT_SUITES and not Options().free and not Options().clear


def test_what_is_said_is_read(said):
    assert said(WHOLE) == Options(
        free=True,
        suites=(TDES_SHA1_80, AES_CM_SHA1_80),
        lighter="film-light",
        limits=(Limit("a day", 24, 0), Limit("two days", 48, 0)),
    )
    assert said("free = true\nclear = true") == Options(free=True, clear=True, suites=())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("prise = 3", "unknown key 'prise'; expected free, clear"),
        ("free = 1", "free: expected bool, not int"),
        ("clear = true", "say `free = true` too"),
        ("free = true\nclear = true\nsuites = ['AEAD_AES_128_GCM']", "leaves nothing to sell or to protect"),
        ("suites = []", "suites: expected one or more of AES_CM_128_HMAC_SHA1_80"),
        ("suites = ['NULL']", "suites: expected one or more of"),
        ("suites = [2]", "suites: expected one or more of"),
        ("suites = [['a']]", "suites: expected one or more of"),
        ("suites = 'AEAD_AES_128_GCM'", "suites: expected list, not str"),
        ("suites = ['AEAD_AES_128_GCM', 'AEAD_AES_128_GCM']", "one of them twice"),
        ("limits = [1]", "limits: expected up to 20 tables"),
        ("[[limits]]\nname = 'a'\nhours = 1", "a limit without price"),
        ("[[limits]]\nname = 'a'\nhours = 1\nprice = 1.5", "price: expected int, not float"),
        ("[[limits]]\nname = 'a'\nhours = true\nprice = 1", "hours: expected int, not bool"),
        ("[[limits]]\nname = 'a'\nhours = 0\nprice = 1", "limit 'a': expected 1 to"),
        ("[[limits]]\nname = 'a'\nhours = 1\nprice = -1", "limit 'a': expected 1 to"),
        ("[[limits]]\nname = ''\nhours = 1\nprice = 1", "expected 1 to 64 characters"),
        ("[[limits]]\nname = 'a'\nhours = 1\nprice = 1\nweeks = 2", "unknown key 'weeks'; expected name, hours, price"),
        (WHOLE.replace("two days", "a day"), "two limits of one name"),
        (WHOLE.replace("price = 0", "price = 1"), "a limit with a price"),
        ("free = ", "is no TOML"),
        ("free = " + "9" * 5_000, "is no TOML"),
        ("a = " + "[" * 20_000, "is no TOML"),
        ("#" * 70_000, "octets at most"),
    ],
)
def test_what_is_not_understood_is_refused_with_what_was_expected(said, text, why):
    with pytest.raises(LocalError) as caught:
        said(text)
    assert "film.toml" in str(caught.value) and why in str(caught.value)


def test_a_file_that_cannot_be_read_is_not_taken_for_none(tmp_path, said):
    (tmp_path / "film.toml").mkdir()
    with pytest.raises(LocalError, match=r"cannot read film\.toml"):
        load(tmp_path / "film.toml")
    (tmp_path / "text.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(LocalError, match=r"cannot read text\.toml"):
        load(tmp_path / "text.toml")


needs_clip = pytest.mark.skipif(not have_ffmpeg(), reason="ffmpeg makes the clip; apt-get install ffmpeg")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "film.ts").write_bytes(clip("radio").read_bytes())
    return tmp_path


@needs_clip
def test_a_title_is_found_with_its_suites_and_looked_at_again_when_it_changes(folder):
    library = Library(folder)
    title = library.find("film")
    assert title.name == "film" and title.suites == DEFAULT_SUITES and library.find("film") is title
    (folder / "film.toml").write_text("free = true\nclear = true")
    assert library.find("film").suites == ()
    (folder / "film.toml").write_text("clear = 3")
    with pytest.raises(RemoteError, match=r"film\.toml: clear: expected bool"):
        library.find("film")
    (folder / "film.toml").unlink()
    assert library.find("film").suites == DEFAULT_SUITES
    (folder / "film.ts").unlink()
    assert library.find("film") is None


@needs_clip
def test_no_name_leads_out_of_the_folder(folder):
    inner = folder / "titles"
    inner.mkdir()
    library = Library(inner)
    for name in ("../film", "..", ".", "", "/film", "titles/../../film", ".film", "film\0", "a" * 65, "f\u0131lm"):
        assert library.find(name) is None
    os.symlink(folder / "film.ts", inner / "linked.ts")
    assert library.find("linked") is not None  # what the owner of the folder put there himself
    with pytest.raises(LocalError, match="is no folder"):
        Library(folder / "film.ts")


def test_what_is_no_transport_stream_is_no_title(tmp_path):
    (tmp_path / "film.ts").write_bytes(b"no stream" * 1_000)
    with pytest.raises(RemoteError):
        Library(tmp_path).find("film")
