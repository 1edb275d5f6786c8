"""Titles as the head-end packs them, read piece by piece: the samples of the clear title, whatever the pieces."""

import gc
import sys

from codec_rig import Sink
from kit import Skip, raises
from settop.codec import units
from settop.errors import LocalError, RemoteError
from settop.titles.index import Index
from settop.titles.reader import TitleReader
from title_rig import Heard, keys, no_keys, place_of, play
from title_vectors import CBCS, CENC, CLEAR, KEY, KID

TRAK = (b"moov", b"trak")
MICROPYTHON = sys.implementation.name == "micropython"


def read(title, step=None, heard=None, keys=keys):
    heard = heard or Heard()
    reader = TitleReader(keys, None, make=heard.make)
    play(reader, title, step)
    return reader, heard


def clear_samples():
    """From where the media are: nothing of the reader."""
    samples = []
    for run_at, first in ((CLEAR.index(b"trun"), CLEAR.index(b"mdat")), (CLEAR.rindex(b"trun"), CLEAR.rindex(b"mdat"))):
        flags = int.from_bytes(CLEAR[run_at + 5 : run_at + 8], "big")
        count = int.from_bytes(CLEAR[run_at + 8 : run_at + 12], "big")
        assert flags & 0xF01 == 0x201
        at = first + 4
        for number in range(count):
            place = run_at + 16 + 4 * number
            size = int.from_bytes(CLEAR[place : place + 4], "big")
            samples.append(CLEAR[at : at + size])
            at += size
    return samples


SAMPLES = clear_samples()


def test_the_vectors_have_samples_of_their_own():
    assert len(SAMPLES) == 7 and all([len(sample) > 100 for sample in SAMPLES])
    for title in (CENC, CBCS):
        assert not any([sample[:32] in title for sample in SAMPLES])


def test_a_clear_title_plays_with_an_empty_keystore():
    reader, heard = read(CLEAR, keys=no_keys)
    assert heard.whole() == SAMPLES and reader.samples() == 7
    assert reader.header.scheme == "none" and reader.header.kid == b""


def test_an_encrypted_title_has_the_samples_of_the_clear_one():
    for title, scheme in ((CENC, "cenc"), (CBCS, "cbcs")):
        reader, heard = read(title)
        assert heard.whole() == SAMPLES, scheme
        assert reader.header.scheme == scheme and reader.header.kid == KID


def test_what_the_header_says_reaches_the_codec():
    reader, heard = read(CENC)
    codec, sink, rate, channels, extra = heard.made
    assert (codec, sink, rate, channels) == ("mp4a.40.2", None, 16000, 1) and extra[:2] == b"\x14\x08"
    assert reader.header.timescale == 16000


def test_pieces_may_be_of_any_size():
    sizes = (1, 2, 3, 5, 8, 13, 16, 17, 64, 100, 511, 512, 513, 1000) if MICROPYTHON else range(1, 400)
    for title in (CLEAR, CENC, CBCS):
        for step in sizes:
            assert read(title, step)[1].whole() == SAMPLES, step


def test_what_the_chip_has_no_room_for_is_taken_later():
    for title in (CLEAR, CENC, CBCS):
        for most in (1, 7, 32, 300):
            assert read(title, 97, Heard(most))[1].whole() == SAMPLES, most


def test_without_room_nothing_is_taken_and_nothing_lost():
    for title in (CLEAR, CENC, CBCS):
        heard = Heard(room=0)
        reader = TitleReader(keys, None, make=heard.make)
        at = 0
        while at < len(title):
            taken = reader.feed(title, at, min(len(title), at + 700))
            if not taken:
                assert reader.feed(title, at) == 0
                heard.room += 50
            at += taken
        while not reader.flush():
            heard.room += 50
        reader.finish()
        assert heard.whole() == SAMPLES


def test_the_real_unit_puts_its_headers_in_front():
    sink = Sink(11)
    play(TitleReader(keys, sink), CENC, 50)
    wanted = Sink()
    unit = units.make("mp4a.40.2", wanted, 16000, 1, b"\x14\x08")
    for sample in SAMPLES:
        unit.begin(len(sample))
        assert unit.write(sample) == len(sample)
    assert sink.data == wanted.data


def test_a_fragment_may_come_again():
    at = place_of(CBCS, b"moof")
    for title in (CLEAR, CENC, CBCS):
        at = place_of(title, b"moof")
        assert read(title + title[at:], 64)[1].whole() == SAMPLES + SAMPLES


def places(title, ms, step=50):
    index = Index(ms)
    for at in range(0, len(title), step):
        index.feed(title, at, min(len(title), at + step))
        if index.place is not None:
            break
    return index.place, index.begins_ms


def test_an_instant_leads_to_its_fragment():
    for title in (CLEAR, CENC, CBCS):
        first, second = title.index(b"moof") - 4, title.rindex(b"moof") - 4
        for ms, place in ((0, (first, 0)), (255, (first, 0)), (256, (second, 256)), (10**9, (second, 256))):
            assert places(title, ms) == place and places(title, ms, 1) == place


def test_an_index_that_is_not_there_or_lies_is_refused():
    at = place_of(CENC, b"sidx")
    for change in (
        CENC[: at + 4] + b"free" + CENC[at + 8 :],
        CENC[:at] + bytes(4) + CENC[at + 4 :],  # to the end of the file
        CENC[: at + 16] + bytes(4) + CENC[at + 20 :],  # timescale
        CENC[: at + 38] + b"\xff\xff" + CENC[at + 40 :],  # entries
        CENC[: at + 40] + b"\xff" + CENC[at + 41 :],  # another index
    ):
        with raises(RemoteError):
            places(change, 0)


def test_after_a_jump_the_samples_are_those_from_there_on():
    for title in (CLEAR, CENC, CBCS):
        first, second = title.index(b"moof") - 4, title.rindex(b"moof") - 4
        for cut in range(first, len(title), 61):
            heard = Heard()
            reader = TitleReader(keys, None, make=heard.make)
            reader.feed(title, 0, cut)
            before = len(heard.whole())
            for place, wanted in ((second, SAMPLES[4:]), (first, SAMPLES)):
                reader.jump(place)
                heard.due = 0
                heard.samples = []
                at = place
                while at < len(title):
                    at += reader.feed(title, at, min(len(title), at + 40))
                reader.finish()
                assert heard.whole() == wanted, (cut, before)


def test_a_jump_comes_behind_the_header():
    reader = TitleReader(keys, None, make=Heard().make)
    with raises(LocalError):
        reader.jump(0)
    reader.feed(CENC)
    reader.close()
    with raises(RemoteError):
        reader.jump(0)


def test_the_key_is_wiped_where_it_was():
    handed = bytearray(KEY)
    read(CENC, keys=lambda kid: handed)
    assert handed == bytes(16)


def test_a_title_that_was_closed_says_so():
    heard = Heard(room=100)
    reader = TitleReader(keys, None, make=heard.make)
    reader.feed(CENC)
    reader.close()
    reader.close()
    assert heard.dropped and reader.flush()
    with raises(RemoteError):
        reader.feed(CENC)


def peak(title, fragment, fragments):
    """The most octets of live memory while a title of so many fragments plays."""
    heard = Heard()
    reader = TitleReader(keys, None, make=heard.make)
    reader.feed(title)
    most = 0
    for number in range(fragments):
        reader.feed(fragment)
        heard.samples = []
        if number % (fragments // 4) == 0:
            gc.collect()
            most = max(most, gc.mem_alloc())
    reader.finish()
    return most


def test_a_long_title_takes_no_more_memory_than_a_short_one():
    if not MICROPYTHON:
        raise Skip("tests/link/test_titles_on_terminal.py measures CPython")
    longest = 6000 if sys.platform == "linux" else 60  # 10 MB, 100 KB
    for title in (CENC, CBCS):
        at = place_of(title, b"moof")
        fragment = title[at:]
        short, long = peak(title, fragment, 6), peak(title, fragment, longest)
        assert abs(long - short) < 256, (short, long)
