"""What NAME.toml says of a title that is streamed: all of it is understood, or refused with what was expected."""

import pytest
from headend.stream.title_options import ALL_SUITES, FILE_LIMIT, TimeLimit, TitleOptions, load_options
from settop.errors import LocalError
from settop.wire.stream import AES_CM_SHA1_80, TDES_SHA1_80


@pytest.fixture
def media(tmp_path):
    path = tmp_path / "titles" / "film.ts"
    path.parent.mkdir()
    path.write_bytes(b"G" * 188)
    return path


def options(media, text):
    media.with_suffix(".toml").write_text(text, encoding="utf-8")
    return load_options(media)


def test_a_title_without_a_file_needs_a_token_and_has_every_suite(media):
    assert load_options(media) == TitleOptions() == options(media, "# nothing\n")
    assert (TitleOptions().free, TitleOptions().clear, TitleOptions().suites) == (False, False, ALL_SUITES)


def test_everything_that_can_be_said_is_understood(media):
    low = media.with_name("film-low.ts")
    low.write_bytes(b"G" * 188)
    text = """
        name = "Die Straße"
        price = 30
        suites = ["TDES_EDE3_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_80"]
        lighter = "film-low.ts"
        [[limits]]
        name = "An evening"
        hours = 6.5
        [[limits]]
        hours = 168
        price = 80
    """
    limits = (TimeLimit("An evening", 6.5, 30), TimeLimit("168 hours", 168, 80))
    suites = (TDES_SHA1_80, AES_CM_SHA1_80)
    assert options(media, text) == TitleOptions("Die Straße", False, False, limits, suites, low)


def test_a_price_alone_is_for_a_day_and_what_is_free_costs_nothing(media):
    assert options(media, "price = 30").limits == (TimeLimit("24 hours", 24, 30),)
    assert options(media, "free = true").limits == (TimeLimit("24 hours", 24, 0),)
    assert options(media, "free = true\n[[limits]]\nname = 'x'\nhours = 1").limits == (TimeLimit("x", 1, 0),)
    found = options(media, "free = true\nclear = true")
    assert (found.free, found.clear, found.limits) == (True, True, ())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("prize = 3", "film.toml: 'prize' is not known; expected name, free, clear, price, suites, lighter, limits"),
        ("[[limits]]\nhours = 1\nprice = 1\nfor = 2", "limit 1: 'for' is not known; expected name, hours, price"),
        ("price = ", "not TOML"),
        ("price = " + "9" * 5_000, "not TOML"),
        ("price = " + "[" * 20_000, "not TOML"),
        ("price = '3'", "price is 0 to 1000000000 whole units"),
        ("price = true", "price is"),
        ("price = -1", "price is"),
        ("price = 2.5", "price is"),
        ("free = 1", "free is true or false"),
        ("clear = 'yes'", "clear is true or false"),
        ("clear = true", "goes with free = true"),
        ("free = true\nprice = 3", "has no price"),
        ("free = true\n[[limits]]\nhours = 1\nprice = 3", "limit 1: a title with free = true has no price"),
        ("free = true\nclear = true\n[[limits]]\nhours = 1", "has no limits"),
        ("limits = 3", r"each under \[\[limits\]\]"),
        ("limits = [3]", r"each under \[\[limits\]\]"),
        ("[[limits]]\nhours = 1", "limit 1: no price"),
        ("price = 1\n[[limits]]\nname = 'x'", "limit 1: hours are a number"),
        ("price = 1\n[[limits]]\nhours = 0", "limit 1: hours are"),
        ("price = 1\n[[limits]]\nhours = nan", "limit 1: hours are"),
        ("price = 1\n[[limits]]\nhours = inf", "limit 1: hours are"),
        ("price = 1\n[[limits]]\nhours = true", "limit 1: hours are"),
        ("price = 1\n[[limits]]\nhours = 1\n[[limits]]\nhours = 1", "two limits of one name"),
        ("price = 1\n" + "[[limits]]\nhours = 1\n" * 21, "21 limits; expected 20 at most"),
        ("name = ''", "name is a text of 1 to 200 characters"),
        ('name = "a\\u0000b"', "name is a text"),
        ("suites = []", "suites are a list of AES_CM_128_HMAC_SHA1_80, "),
        ("suites = ['DES']", "suites are"),
        ("suites = [1]", "suites are"),
        ("suites = ['AES_CM_128_HMAC_SHA1_80', 'AES_CM_128_HMAC_SHA1_80']", "each once"),
        ("lighter = '../film.ts'", "another file of the same folder"),
        ("lighter = '/etc/passwd'", "another file of the same folder"),
        ("lighter = 'film.ts'", "another file of the same folder"),
        ("lighter = 'words.txt'", "another file of the same folder"),
        ("lighter = 'none.ts'", "there is no file none.ts"),
        ("# " + "x" * FILE_LIMIT, "longer than"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_was_expected(media, text, reason):
    with pytest.raises(LocalError, match=reason):
        options(media, text)


def test_what_is_no_text_is_refused(media):
    media.with_suffix(".toml").write_bytes(b"name = '\xff'")
    with pytest.raises(LocalError, match=r"film.toml: no text in UTF-8"):
        load_options(media)


@pytest.mark.parametrize("name", ["film.ts", "film.toml", "film-low.ts"])
def test_a_link_that_leads_out_of_the_folder_is_refused(media, tmp_path, name):
    media.with_name("film-low.ts").write_bytes(b"G" * 188)
    media.with_suffix(".toml").write_text("lighter = 'film-low.ts'")
    load_options(media)
    path = media.with_name(name)
    outside, within = tmp_path / name, path.with_name(f"real-{name}")
    path.rename(within)
    path.symlink_to(within)
    load_options(media)  # a link within the folder is a file of it
    path.unlink()
    within.rename(outside)
    path.symlink_to(outside)
    with pytest.raises(LocalError, match=f"{name} leads out of the titles' folder"):
        load_options(media)


def test_a_title_or_options_that_are_no_file_are_refused(media):
    media.with_suffix(".toml").mkdir()
    with pytest.raises(LocalError, match=r"there is no file film.toml"):
        load_options(media)
    with pytest.raises(LocalError, match=r"there is no file song.ts"):
        load_options(media.with_name("song.ts"))
