"""Titles that are cut, lie, or name what is not there: one clear error, what was good was played, and no noise."""

import sys

from kit import raises
from settop.errors import RemoteError
from settop.titles.reader import TitleReader
from title_rig import Heard, box, changed, fragment, keys, place_of, play
from title_vectors import CBCS, CENC, CLEAR

ENTRY = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"enca")
TENC = ENTRY + (b"sinf", b"schi", b"tenc")
TRAF = (b"moof", b"traf")
MICROPYTHON = sys.implementation.name == "micropython"


def heard_of(title, step=100, keys=keys, make=None):
    """(what the error says, the unit)"""
    heard = Heard()
    reader = TitleReader(keys, None, make=make or heard.make)
    with raises(RemoteError) as caught:
        play(reader, title, step)
    text = str(caught.value)
    assert text and all([" " <= c < "\x7f" for c in text]), text
    with raises(RemoteError):
        reader.feed(b"more")
    reader.close()
    return text, heard


def good():
    heard = Heard()
    play(TitleReader(keys, None, make=heard.make), CLEAR)
    return heard.whole()


SAMPLES = good()


def refused(title, word):
    """The error has `word` in it, and nothing was played."""
    text, heard = heard_of(title)
    assert word in text, text
    assert not heard.samples, text


def number(value):
    return value.to_bytes(4, "big")


def test_a_title_that_is_cut_plays_as_far_as_it_goes():
    for title in (CLEAR, CENC, CBCS):
        # Behind moov and behind each fragment a title may end.
        whole = [place_of(title, kind) for kind in (b"sidx", b"free", b"moof")] + [title.rindex(b"moof") - 4]
        for end in range(0, len(title), 97 if MICROPYTHON else 1):
            if end not in whole:
                _, heard = heard_of(title[:end], 200)
                assert heard.whole() == SAMPLES[: len(heard.whole())]
                assert all([SAMPLES[i].startswith(bytes(sample)) for i, sample in enumerate(heard.samples)])


def test_an_unknown_key_is_named_and_nothing_is_played():
    text, heard = heard_of(CENC, keys=lambda kid: None)
    assert "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf" in text and not heard.samples


def test_an_unknown_scheme_is_named():
    for scheme in (b"cens", b"cbc1", b"what", b"\n\x1b[2"):
        refused(changed(CENC, ENTRY + (b"sinf", b"schm"), 4, scheme), "scheme")


def test_an_unknown_codec_is_named():
    title = changed(CENC, ENTRY + (b"sinf", b"frma"), 0, b"Opus")
    # esds says more than the entry: here there is none.
    at = place_of(title, *(ENTRY + (b"esds",)))
    text, _ = heard_of(title[: at + 4] + b"free" + title[at + 8 :], make=None or real)
    assert "Opus" in text


def real(codec, sink, rate, channels, extra):
    from settop.codec import units

    return units.make(codec, sink, rate, channels, extra)


def test_an_encrypted_title_that_does_not_say_how_is_refused():
    for path in (ENTRY + (b"sinf",), ENTRY + (b"sinf", b"schi"), TENC, ENTRY + (b"sinf", b"schm")):
        at = place_of(CENC, *path)
        text, heard = heard_of(CENC[: at + 4] + b"free" + CENC[at + 8 :])
        assert "encrypted" in text and not heard.samples


def test_a_title_that_says_both_is_refused():
    at = place_of(CENC, *ENTRY)
    refused(CENC[: at + 4] + b"mp4a" + CENC[at + 8 :], "says that it is clear")


def test_ivs_that_cannot_be_are_refused():
    for octets in (1, 7, 12, 17, 255):
        refused(changed(CENC, TENC, 7, bytes((octets,))), "tenc")
    refused(changed(CENC, TENC, 6, b"\x02"), "tenc")
    for octets in (0, 4, 15, 17):
        refused(changed(CBCS, TENC, 24, bytes((octets,))), "constant IV")
    refused(changed(CENC, TENC, 7, b"\x10"), "IVs")  # 16, and those of senc have 8


def test_versions_that_nobody_knows_are_refused():
    refused(changed(CENC, TRAF + (b"senc",), 0, b"\x01"), "senc of version 1")
    refused(changed(CENC, TENC, 0, b"\x02"), "tenc of version 2")
    at = place_of(CENC, *(TRAF + (b"senc",)))
    title = CENC[: at + 4] + b"free" + CENC[at + 8 :]
    refused(changed(title, TRAF + (b"saiz",), 0, b"\x01"), "saiz of version 1")


def test_a_pattern_without_an_encrypted_block_is_refused():
    refused(changed(CBCS, TENC, 5, b"\x09"), "pattern")


def test_sizes_that_lie_are_refused():
    for path in (ENTRY, TENC, (b"moof",), TRAF, TRAF + (b"tfhd",), TRAF + (b"trun",), TRAF + (b"senc",)):
        at = place_of(CENC, *path)
        for size in (0, 1, 2, 7, 0x7FFFFFFF, 0xFFFFFFFF):
            _, heard = heard_of(CENC[:at] + number(size) + CENC[at + 4 :])
            assert not heard.samples


def test_a_box_that_reaches_out_of_what_holds_it_is_refused():
    for path in (ENTRY, TENC, TRAF, TRAF + (b"tfhd",), TRAF + (b"trun",), TRAF + (b"senc",)):
        at = place_of(CENC, *path)
        for size in (place_of(CENC, b"mdat") + 9 - at, 0x7FFFFFFF, 0xFFFFFFFF):
            refused(CENC[:at] + number(size) + CENC[at + 4 :], "cannot be")


def test_a_long_size_is_read():
    at = CENC.rindex(b"mdat") - 4
    body = CENC[at + 8 :]
    title = CENC[:at] + number(1) + b"mdat" + bytes(4) + number(16 + len(body)) + body
    moved = title.rindex(b"trun") + 12  # what it begins with lies 8 octets further
    offset = int.from_bytes(title[moved : moved + 4], "big") + 8
    heard = Heard()
    play(TitleReader(keys, None, make=heard.make), title[:moved] + number(offset) + title[moved + 4 :], 33)
    assert heard.whole() == SAMPLES


def test_the_last_media_may_go_on_to_the_end():
    at = CENC.rindex(b"mdat") - 4
    heard = Heard()
    play(TitleReader(keys, None, make=heard.make), CENC[:at] + number(0) + CENC[at + 4 :], 33)
    assert heard.whole() == SAMPLES


def test_more_samples_than_there_is_room_for_are_refused():
    for count in (5, 3, 513, 0xFFFFFFFF):
        text, heard = heard_of(changed(CENC, TRAF + (b"trun",), 4, number(count)))
        assert not heard.samples, text
    refused(changed(CENC, TRAF + (b"senc",), 4, number(3)), "IVs of 3 samples")


def test_a_sample_beyond_its_media_is_not_begun():
    path = TRAF + (b"trun",)
    for size in (0x10000, 0xFFFFFFFF):
        text, heard = heard_of(changed(CENC, path, 12, number(size)))
        assert not heard.samples and "beyond" in text, text
    for offset in (0, 8, 0x80000000, 0xFFFFFFFF):
        text, heard = heard_of(changed(CENC, path, 8, number(offset)))
        assert not heard.samples and "over already" in text, text


def test_a_run_that_does_not_fit_its_media_is_not_begun():
    """Octets that moved: the last sample shows that the others, which are there, would be noise."""
    run = place_of(CENC, *(TRAF + (b"trun",))) + 8
    offset = int.from_bytes(CENC[run + 8 : run + 12], "big")
    for moved in (1, 16, 100):
        refused(CENC[: run + 8] + number(offset + moved) + CENC[run + 12 :], "beyond its media")
    first = int.from_bytes(CENC[run + 12 : run + 16], "big")
    refused(CENC[: run + 12] + number(first + 1) + CENC[run + 16 :], "beyond its media")


SOUND = bytes(range(100))
CENC_BEGIN = CENC[: place_of(CENC, b"sidx")]
CBCS_BEGIN = CBCS[: place_of(CBCS, b"sidx")]


def mapped(iv, *parts):
    """`senc` of one sample with a map: (clear octets, encrypted ones)."""
    pairs = [number(clear)[2:] + number(hidden) for clear, hidden in parts]
    return box(b"senc", number(2), number(1), iv, number(len(pairs))[2:], *pairs)


def test_a_pattern_of_none_with_a_map_is_refused():
    begin = changed(CBCS_BEGIN, TENC, 5, b"\0")
    refused(begin + fragment([SOUND], mapped(b"", (20, 80))), "0:0")
    heard = Heard()
    play(TitleReader(keys, None, make=heard.make), begin + fragment([SOUND], box(b"senc", bytes(4), number(1))))
    assert len(heard.whole()) == 1  # without a map it is all blocks


def test_a_map_of_more_or_less_than_the_sample_is_refused():
    for parts in (
        (),
        ((20, 81),),
        ((20, 79),),
        ((0xFFFF, 0xFFFFFFFF),),
        ((50, 50), (1, 0)),
        ((0, 0),),
        ((100, 0),) * 2,
    ):
        refused(CENC_BEGIN + fragment([SOUND], mapped(bytes(8), *parts)), "its map")
    heard = Heard()
    for parts in (((100, 0),), ((0, 0), (40, 0), (60, 0)), ((0, 0),) * 600 + ((100, 0),)):
        title = CENC_BEGIN + fragment([SOUND], mapped(bytes(8), *parts))
        play(TitleReader(keys, None, make=heard.make), title)
        assert heard.whole()[-1] == SOUND


def test_a_fragment_that_says_twice_whose_it_is_is_refused():
    """Its samples would go unchecked, and what is encrypted would be put out as if it were clear."""
    for track in (1, 2):
        other = box(b"tfhd", bytes(4), number(track))
        begin = CENC_BEGIN + fragment([SOUND], box(b"senc", bytes(4), number(1), bytes(8)), other)
        refused(begin, "two tfhd")


def test_places_of_64_bits_are_read():
    clear = CLEAR[: place_of(CLEAR, b"sidx")]
    for base, word in (
        (len(clear), ""),
        (1 << 32, "cut"),
        (1 << 63, "cut"),
        ((1 << 64) - 1, "cut"),
        (0, "over already"),
    ):
        title = clear + fragment([SOUND], tfhd=base.to_bytes(8, "big"), flags=1)
        if word:
            refused(title, word)
        else:
            heard = Heard()
            play(TitleReader(keys, None, make=heard.make), title, 30)
            assert heard.whole() == [SOUND]


def test_runs_over_each_other_are_refused():
    whole = fragment([SOUND, SOUND])
    at = place_of(whole, *(TRAF + (b"trun",)))
    run = whole[at : at + int.from_bytes(whole[at : at + 4], "big")]
    begin = CLEAR[: place_of(CLEAR, b"sidx")]
    text, heard = heard_of(begin + fragment([SOUND, SOUND], run) + box(b"mdat", SOUND))
    assert "over already" in text and len(heard.samples) <= 2
    assert all([sample == SOUND for sample in heard.samples])
    refused(begin + fragment([SOUND, SOUND], *[run] * 20), "16 runs")


def test_a_fragment_without_ivs_is_refused():
    title = CENC
    for kind in (b"senc", b"saiz", b"saio"):
        at = place_of(title, *(TRAF + (kind,)))
        title = title[: at + 4] + b"free" + title[at + 8 :]
    refused(title, "IVs")


def test_media_before_the_header_and_two_headers_are_refused():
    moof = place_of(CENC, b"moof")
    moov = place_of(CENC, b"moov")
    refused(CENC[:28] + CENC[moof:], "before moov")
    refused(CENC[:28] + CENC[place_of(CENC, b"mdat") :], "before moov")
    refused(CENC[:moof] + CENC[moov:], "two moov")


def test_what_is_no_title_is_refused():
    for octets in (b"RIFF\0\0\0\0WAVEfmt ", b"ID3\x04\0\0\0\0\0\0\0\0", b"\xff\xfb" * 50, bytes(100), b"\xff" * 100):
        refused(octets, "no MP4")
    refused(b"", "before")
    refused(CENC[:28], "no moov")


def test_boxes_in_boxes_without_end_are_walked_without_end():
    box = b""
    for _ in range(300 if MICROPYTHON else 2000):
        box = number(8 + len(box)) + b"moov" + box
    refused(CENC[:28] + box, "no track")
