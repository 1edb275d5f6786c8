"""Titles that the head-end packs, read by the terminal: the samples of the clear file, whatever is in them."""

import gc
import struct
import sys
import tracemalloc
from pathlib import Path

import pytest
from headend.titles.keys import Keys
from headend.titles.opening import unpack
from headend.titles.protection import CBCS, CENC, NONE
from settop.errors import RemoteError
from testbed.machines.cpython import use_shims

from tests.helpers.mp4_edit import Edited, Node
from tests.helpers.tunes import KEY, KID, Target, packed, stored, tune

sys.path.append(str(Path(__file__).parent.parent / "vectors"))
use_shims()
import title_vectors  # noqa: E402
from settop.titles.header import FILM, SOUND  # noqa: E402
from settop.titles.reader import TitleReader  # noqa: E402
from title_rig import Heard, keys, no_keys, place_of, play  # noqa: E402

LOCKS = ((NONE, None), (CENC, "8"), (CENC, "16"), (CBCS, None), (CBCS, "16"))
SOUNDS = {
    "aac": ("mp4a.40.2", b"\x12\x08"),
    "mp3": ("mp4a.6b", b""),
    "pcm": ("ipcm", b"\x10"),
    "adpcm": ("ms.0011", b"\x00\x04"),
    "film": ("mp4a.40.2", b"\x12\x08"),
    "film_mp3": ("mp4a.6b", b""),
    "film_mkv": ("mp4a.40.2", b"\x12\x08"),
}


def heard(title, step=997, kind=SOUND, keys=keys):
    """(reader, unit) when all of it was played."""
    unit = Heard()
    reader = TitleReader(keys, None, kind, unit.make)
    play(reader, title, step)
    return reader, unit


@pytest.mark.parametrize(("scheme", "iv"), LOCKS)
@pytest.mark.parametrize("name", SOUNDS)
def test_sound_is_the_clear_files(tmp_path, name, scheme, iv):
    clear = stored(packed(tune(name), tmp_path / "clear.mp4", NONE))
    title = packed(tune(name), tmp_path / "title.mp4", scheme, iv).read_bytes()
    reader, unit = heard(title, keys=no_keys if scheme == NONE else keys)
    assert unit.whole() == clear[-1] and len(clear[-1]) == reader.samples() > 20
    codec, _, rate, channels, extra = unit.made
    assert (codec, rate, channels) == (SOUNDS[name][0], 44_100, 1) and extra.startswith(SOUNDS[name][1])
    assert reader.header.scheme == scheme and reader.header.timescale == 44_100


@pytest.mark.parametrize(("scheme", "iv"), LOCKS)
@pytest.mark.parametrize("name", ["film", "film_slices", "film_hevc"])
def test_pictures_are_the_clear_files(tmp_path, name, scheme, iv):
    clear = stored(packed(tune(name), tmp_path / "clear.mp4", NONE))
    title = packed(tune(name), tmp_path / "title.mp4", scheme, iv).read_bytes()
    _, unit = heard(title, kind=FILM)
    assert unit.whole() == clear[0]


@pytest.mark.parametrize("scheme", [CENC, CBCS])
def test_maps_that_have_no_room_are_refused(tmp_path, scheme):
    title = packed(tune("film_many_slices"), tmp_path / "title.mp4", scheme).read_bytes()
    with pytest.raises(RemoteError, match="more than 4096 octets"):
        heard(title, kind=FILM)


def test_the_terminals_vectors_are_titles_of_the_head_end(tmp_path):
    """They were packed once: an encoder of today may make other samples."""
    found = []
    for name, data in (("clear", title_vectors.CLEAR), ("cenc", title_vectors.CENC), ("cbcs", title_vectors.CBCS)):
        path = tmp_path / name
        path.write_bytes(data)
        again = packed(path, tmp_path / f"{name}.again", NONE) if name == "clear" else None
        found.append([len(sample) for sample in stored(path)[0]])
        assert again is None or stored(again) == stored(path)
    assert found[0] == found[1] == found[2]
    assert (title_vectors.KEY, title_vectors.KID) == (KEY, KID)


@pytest.mark.parametrize("scheme", [NONE, CENC, CBCS])
def test_every_size_of_pieces_gives_the_same(scheme):
    title = {NONE: title_vectors.CLEAR, CENC: title_vectors.CENC, CBCS: title_vectors.CBCS}[scheme]
    wanted = heard(title_vectors.CLEAR)[1].whole()
    for step in range(1, len(title) + 1):
        assert heard(title, step)[1].whole() == wanted, step


def edited(tmp_path, name, scheme, change, iv=None):
    """(samples of the clear file, a title that `change` has had in hand)"""
    clear = stored(packed(tune(name, 0.5), tmp_path / "clear.mp4", NONE, fragment_s=0.2))
    file = Edited(packed(tune(name, 0.5), tmp_path / "title.mp4", scheme, iv, fragment_s=0.2))
    change(file)
    return clear[0], file.save(tmp_path / "changed.mp4").read_bytes()


def without_senc(file):
    """IVs where saio says, at the front of the media."""
    file.offsets_follow = False
    for number, node in enumerate(file.tops):
        if node.kind == b"moof":
            traf = node.first(b"traf")
            (senc,) = traf.take(b"senc")
            entries = senc.fields[8:]
            media = file.tops[number + 1]
            media.fields = entries + media.fields
            saio, run = traf.first(b"saio"), traf.first(b"trun")
            place = len(node.pack()) + 8
            saio.fields = saio.fields[:8] + struct.pack(">I", place)
            # `save` takes off again what the fragment shrank by.
            (offset,) = struct.unpack_from(">i", run.fields, 8)
            run.fields = run.fields[:8] + struct.pack(">i", offset + len(entries)) + run.fields[12:]


@pytest.mark.parametrize(("scheme", "iv"), [(CENC, "8"), (CENC, "16"), (CBCS, "16")])
def test_ivs_may_lie_in_front_of_the_media(tmp_path, scheme, iv):
    clear, title = edited(tmp_path, "aac", scheme, without_senc, iv)
    assert b"senc" not in title
    for step in (1, 7, 64, len(title)):
        assert heard(title, step)[1].whole() == clear


def test_maps_may_lie_in_front_of_the_media(tmp_path):
    clear, title = edited(tmp_path, "silent_film", CBCS, without_senc, "16")
    assert heard(title, kind=FILM)[1].whole() == clear


def with_zero_pattern(file):
    tenc = file.entry.first(b"sinf", b"schi", b"tenc")
    tenc.fields = tenc.fields[:5] + b"\0" + tenc.fields[6:]


def with_longer_maps(file):
    for traf in file.trafs():
        senc = traf.first(b"senc")
        at = 8 + 2 if len(file.entry.first(b"sinf", b"schi", b"tenc").fields) > 24 else 8 + 8 + 2
        clear, hidden = struct.unpack_from(">HI", senc.fields, at)
        senc.fields = senc.fields[:at] + struct.pack(">HI", clear, hidden + 1) + senc.fields[at + 6 :]


def with_more_parts(file):
    for traf in file.trafs():
        senc = traf.first(b"senc")
        senc.fields = senc.fields[:8] + b"\xff\xff" + senc.fields[10:]


@pytest.mark.parametrize(
    ("scheme", "change", "text"),
    [
        (CBCS, with_zero_pattern, "0:0"),
        (CBCS, with_longer_maps, "its map"),
        (CENC, with_longer_maps, "its map"),
        (CBCS, with_more_parts, "IVs and maps"),
    ],
)
def test_maps_that_cannot_be_are_refused_before_the_sample(tmp_path, scheme, change, text):
    _, title = edited(tmp_path, "silent_film", scheme, change)
    unit = Heard()
    with pytest.raises(RemoteError, match=text):
        play(TitleReader(keys, None, FILM, unit.make), title, 100)
    assert not unit.samples


def with_shorter_ivs(file):
    tenc = file.entry.first(b"sinf", b"schi", b"tenc")
    tenc.fields = tenc.fields[:7] + b"\x08" + tenc.fields[8:]


def test_ivs_that_are_longer_than_the_header_says_are_refused(tmp_path):
    _, title = edited(tmp_path, "aac", CENC, with_shorter_ivs, "16")
    unit = Heard()
    with pytest.raises(RemoteError, match="IVs and maps"):
        play(TitleReader(keys, None, make=unit.make), title, 100)
    assert not unit.samples


def with_groups(file):
    for traf in file.trafs():
        definition = b"\x01\0\0\0seig" + struct.pack(">II", 20, 1) + bytes((0, 0, 1, 8)) + bytes(16)
        traf.parts += [
            Node(b"sbgp", bytes(4) + b"seig" + struct.pack(">III", 1, 3, 0x10001)),
            Node(b"sgpd", definition),
        ]


def test_keys_that_change_are_asked_for(tmp_path):
    """The same key by another name, which the terminal and `unpack` look up alike."""
    clear, title = edited(tmp_path, "aac", CENC, with_groups)
    asked = []

    def both(kid):
        asked.append(kid)
        return bytearray(KEY) if kid in (KID, bytes(16)) else None

    assert heard(title, keys=both)[1].whole() == clear
    assert asked[:4] == [bytes(16), KID, bytes(16), KID]
    with Target(tmp_path / "opened.mp4") as output:
        unpack(tmp_path / "changed.mp4", output, Keys({KID: KEY, bytes(16): KEY}))
    assert stored(tmp_path / "opened.mp4")[0] == clear


def test_a_file_without_fragments_is_refused():
    data = tune("aac").read_bytes()
    with pytest.raises(RemoteError, match="before moov"):
        heard(data)


@pytest.mark.parametrize("scheme", [CENC, CBCS])
def test_a_long_title_takes_no_more_memory_than_a_short_one(scheme):
    title = {CENC: title_vectors.CENC, CBCS: title_vectors.CBCS}[scheme]
    fragments = title[place_of(title, b"moof") :]
    tracemalloc.start()
    try:
        peaks = []
        for octets in (10_000, 10_000_000):
            unit = Heard()
            reader = TitleReader(keys, None, make=unit.make)
            reader.feed(title)
            gc.collect()
            tracemalloc.reset_peak()
            for _ in range(octets // len(fragments)):
                reader.feed(fragments)
                unit.samples.clear()
            reader.finish()
            peaks.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()
    assert abs(peaks[1] - peaks[0]) < 2000, peaks
