"""Titles that are cut, damaged or made up: one clear error, and what was good is kept. Nothing hangs, nothing is
made up.
"""

import os
import struct
import tracemalloc

import pytest
from headend.titles import boxes
from headend.titles.boxes import File
from headend.titles.info import read_info
from headend.titles.keys import Keys
from headend.titles.opening import DamagedError, find_movie, unpack
from headend.titles.protection import CBCS, CENC, NONE
from settop.errors import RemoteError

from tests.helpers.mp4_edit import Edited, Node
from tests.helpers.tunes import KEY, KID, packed, stored, tune


class Kept:
    """What was written."""

    def __init__(self):
        self.data = b""

    def write(self, data):
        self.data += data

    def rewrite(self, at, data):
        raise AssertionError("nothing is written twice")


def opened(path, keys=None):
    """(what was written, the error or None)"""
    kept = Kept()
    try:
        unpack(path, kept, keys or Keys({KID: KEY}))
    except RemoteError as error:
        assert KEY.hex() not in str(error) and "\n" not in str(error)
        return kept.data, error
    return kept.data, None


def edited(folder, name="aac", scheme=CENC, iv=None):
    return Edited(packed(tune(name), folder / "title.mp4", scheme, iv))


def said(file, folder):
    """The error that the edited file gives."""
    _, error = opened(file.save(folder / "edited.mp4"))
    assert error is not None
    return str(error)


@pytest.mark.parametrize("name", ["aac", "film"])
def test_a_file_that_is_cut_anywhere_keeps_the_samples_before(name, tmp_path):
    made = packed(tune(name), tmp_path / "title.mp4", CENC)
    data = made.read_bytes()
    whole, none = opened(made)
    assert none is None
    places = sorted({*range(1, 60), *range(0, len(data), max(len(data) // 150, 1)), len(data) - 1})
    for place in places:
        (tmp_path / "cut.mp4").write_bytes(data[:place])
        kept, error = opened(tmp_path / "cut.mp4")
        assert whole.startswith(kept) and len(kept) <= place
        with File(made) as file:
            ends = [box.end for box in file.tops()]
        assert error is not None or place in ends
        if isinstance(error, DamagedError):
            assert error.samples > 0


def test_a_file_that_ends_in_mid_sample_says_so_and_keeps_those_before(tmp_path):
    made = packed(tune("aac"), tmp_path / "title.mp4", CBCS)
    (tmp_path / "cut.mp4").write_bytes(made.read_bytes()[:-3])
    kept, error = opened(tmp_path / "cut.mp4")
    assert isinstance(error, DamagedError) and "the file ends in mid sample: 3 bytes are missing" in str(error)
    samples = stored(packed(tune("aac"), tmp_path / "clear.mp4", NONE))[0]
    assert error.samples == len(samples) - 1 and kept.endswith(samples[-3] + samples[-2])


def test_media_that_end_in_mid_sample_are_told_from_a_file_that_does(tmp_path):
    file = edited(tmp_path)
    media = next(node for node in file.tops if node.kind == b"mdat")
    media.fields = media.fields[:-3]
    assert "the media end in mid sample: 3 bytes are missing" in said(file, tmp_path)


@pytest.mark.parametrize(
    "kind", [b"moov", b"trak", b"mdia", b"stbl", b"stsd", b"enca", b"sinf", b"tenc", b"mvex", b"trex"]
)
@pytest.mark.parametrize("lie", [1, 2, 7, 0xFFFFFFFF, "+1", "-1", "+8", "*2"])
def test_sizes_that_lie_are_refused(kind, lie, tmp_path):
    made = packed(tune("aac"), tmp_path / "title.mp4", CENC)
    data = bytearray(made.read_bytes())
    at = data.index(kind) - 4
    (size,) = struct.unpack_from(">I", data, at)
    new = {"+1": size + 1, "-1": size - 1, "+8": size + 8, "*2": 2 * size}.get(lie, lie)
    struct.pack_into(">I", data, at, new)
    (tmp_path / "lie.mp4").write_bytes(data)
    kept, error = opened(tmp_path / "lie.mp4")
    assert error is not None and not isinstance(error, DamagedError)
    assert len(kept) <= len(data)


@pytest.mark.parametrize("kind", [b"moof", b"traf", b"tfhd", b"trun", b"senc"])
@pytest.mark.parametrize("lie", [0, 1, 2, 7, 0xFFFFFFFF, "-1", "*2"])
def test_sizes_that_lie_in_a_fragment_keep_the_one_before(kind, lie, tmp_path):
    made = packed(tune("aac"), tmp_path / "title.mp4", CENC)
    data = bytearray(made.read_bytes())
    whole, _ = opened(made)
    at = data.index(kind, data.index(kind) + 1) - 4
    fragment = data.index(b"moof", data.index(b"moof") + 1) - 4
    (size,) = struct.unpack_from(">I", data, at)
    struct.pack_into(">I", data, at, {"-1": size - 1, "*2": 2 * size}.get(lie, lie))
    (tmp_path / "lie.mp4").write_bytes(data)
    kept, error = opened(tmp_path / "lie.mp4")
    assert isinstance(error, DamagedError)
    assert kept[:fragment] == whole[:fragment]


def test_a_size_of_0_ends_a_file_and_nothing_else(tmp_path):
    made = packed(tune("aac"), tmp_path / "title.mp4", CENC)
    data = bytearray(made.read_bytes())
    last = data.rindex(b"mdat") - 4
    whole, _ = opened(made)
    data[last : last + 4] = bytes(4)
    (tmp_path / "zero.mp4").write_bytes(data)
    kept, error = opened(tmp_path / "zero.mp4")
    assert error is None and kept[last + 8 :] == whole[last + 8 :]
    first = data.index(b"mdat") - 4
    data[first : first + 4] = bytes(4)
    (tmp_path / "zero.mp4").write_bytes(data)
    kept, error = opened(tmp_path / "zero.mp4")
    # To the end of the file: what follows are media that no sample is in.
    second = data.index(b"moof", first) - 4
    assert error is None and kept[first + 8 : second] == whole[first + 8 : second] and kept[second:] == data[second:]


def test_long_sizes_are_read_and_short_ones_in_their_place_refused(tmp_path):
    whole, _ = opened(packed(tune("aac"), tmp_path / "title.mp4", CENC))
    data = (tmp_path / "title.mp4").read_bytes()
    at = data.rindex(b"mdat") - 4
    size = len(data) - at
    long = data[:at] + struct.pack(">I4sQ", 1, b"mdat", size + 8) + data[at + 8 :]
    run = long.rindex(b"trun") + 12
    (offset,) = struct.unpack_from(">i", long, run)
    moved = long[:run] + struct.pack(">i", offset + 8) + long[run + 4 :]  # samples begin eight octets later
    (tmp_path / "long.mp4").write_bytes(moved)
    kept, error = opened(tmp_path / "long.mp4")
    assert error is None and kept.endswith(whole[at + 8 :])
    for lie in (0, 8, 15, 1 << 63, (1 << 64) - 1):
        (tmp_path / "long.mp4").write_bytes(moved[:at] + struct.pack(">I4sQ", 1, b"mdat", lie) + moved[at + 16 :])
        _, error = opened(tmp_path / "long.mp4")
        assert error is not None


def test_boxes_in_boxes_by_the_thousand_are_refused(tmp_path):
    for kind in (b"moov", b"trak", b"udta", b"free", b"meta"):
        data = b""
        for _ in range(20_000):
            data = struct.pack(">I4s", 8 + len(data), kind) + data
        (tmp_path / "deep.mp4").write_bytes(struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0) + data)
        _, error = opened(tmp_path / "deep.mp4")
        assert error is not None
    file = edited(tmp_path)
    file.moov.parts.append(Node(b"udta", data))
    file.save(tmp_path / "deep.mp4")
    _, error = opened(tmp_path / "deep.mp4")
    assert error is None
    read_info(tmp_path / "deep.mp4")


def test_boxes_side_by_side_by_the_thousand_are_refused(tmp_path):
    file = edited(tmp_path)
    file.moov.parts += [Node(b"free")] * (boxes.CHILDREN_LIMIT + 1)
    assert f"more than {boxes.CHILDREN_LIMIT} boxes" in said(file, tmp_path)


def take(*path):
    def change(file):
        file.entry.first(*path[:-1]).take(path[-1]) if path[:-1] else file.entry.take(path[-1])

    return change


def set_fields(start, octets, *path):
    def change(file):
        node = file.entry.first(*path)
        node.fields = node.fields[:start] + octets + node.fields[start + len(octets) :]

    return change


TENC = (b"sinf", b"schi", b"tenc")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (take(b"sinf"), "has no sinf"),
        (take(b"sinf", b"frma"), "no frma or no schm"),
        (take(b"sinf", b"schm"), "no frma or no schm"),
        (take(b"sinf", b"schi"), "cenc without tenc"),
        (take(*TENC), "cenc without tenc"),
        (set_fields(4, b"cens", b"sinf", b"schm"), "scheme 'cens' is unknown: cenc and cbcs are known"),
        (set_fields(4, b"\0\1\2\3", b"sinf", b"schm"), "scheme '0x00010203' is unknown"),
        (set_fields(7, b"\x07", *TENC), "IVs of 7 bytes"),
        (set_fields(6, b"\x02", *TENC), "says 2 where 0"),
        (set_fields(7, b"\x00", *TENC), "too short: 1 more bytes wanted"),
    ],
)
def test_encryption_that_is_half_said_is_refused(change, says, tmp_path):
    file = edited(tmp_path)
    change(file)
    assert says in said(file, tmp_path)


def test_a_pattern_that_encrypts_nothing_is_refused(tmp_path):
    file = edited(tmp_path, "silent_film", CBCS)
    set_fields(5, b"\x09", *TENC)(file)
    assert "a pattern of 0 encrypted and 9 clear blocks" in said(file, tmp_path)


def test_parts_of_samples_without_a_pattern_are_refused(tmp_path):
    file = edited(tmp_path, "silent_film", CBCS)
    set_fields(5, b"\x00", *TENC)(file)
    assert "a pattern of 0:0 and samples in parts" in said(file, tmp_path)


def senc_of(file, number=0):
    return file.trafs()[number].first(b"senc")


@pytest.mark.parametrize(("clear", "hidden"), [(65535, 0), (0, 0xFFFFFFFF), (0, 16)])
def test_parts_that_are_not_the_sample_are_refused(clear, hidden, tmp_path):
    file = edited(tmp_path, "silent_film", CENC)
    senc = senc_of(file)
    # IV, how many parts, the first part
    senc.fields = senc.fields[:18] + struct.pack(">HI", clear, hidden) + senc.fields[24:]
    assert "its map of clear and encrypted parts" in said(file, tmp_path)


def test_parts_without_end_are_refused(tmp_path):
    file = edited(tmp_path, "silent_film", CENC)
    senc = senc_of(file)
    senc.fields = senc.fields[:16] + b"\xff\xff" + senc.fields[18:]
    assert "65535 parts of a sample" in said(file, tmp_path)


def test_too_few_ivs_are_refused_and_what_was_before_kept(tmp_path):
    file = edited(tmp_path)
    senc = senc_of(file, 1)
    senc.fields = senc.fields[:-8]
    kept, error = opened(file.save(tmp_path / "edited.mp4"))
    assert isinstance(error, DamagedError) and "too short" in str(error)
    samples = stored(packed(tune("aac"), tmp_path / "clear.mp4", NONE))[0]
    assert kept.endswith(samples[error.samples - 1])


@pytest.mark.parametrize("count", [0, 1, 0xFFFFFFFF])
def test_another_number_of_samples_in_senc_is_refused(count, tmp_path):
    file = edited(tmp_path)
    senc = senc_of(file)
    senc.fields = senc.fields[:4] + struct.pack(">I", count) + senc.fields[8:]
    assert f"senc is of {count} samples" in said(file, tmp_path)


def test_no_ivs_at_all_are_refused(tmp_path):
    file = edited(tmp_path)
    for traf in file.trafs():
        traf.take(b"senc", b"saiz", b"saio")
    assert "neither senc nor saiz and saio" in said(file, tmp_path)


@pytest.mark.parametrize("place", [0, 7, 1 << 31, 0xFFFFFFFF])
def test_ivs_that_lie_outside_of_the_file_are_refused(place, tmp_path):
    file = edited(tmp_path)
    file.offsets_follow = False
    for traf in file.trafs():
        traf.take(b"senc")
        saio = traf.first(b"saio")
        saio.fields = saio.fields[:8] + struct.pack(">I", place)
    kept, error = opened(file.save(tmp_path / "edited.mp4"))
    # Octets that are there are taken for IVs: nothing says that they are none.
    assert (error is None) == (place < 8) and len(kept) <= (tmp_path / "edited.mp4").stat().st_size


@pytest.mark.parametrize("flags", [0x000001, 0x000101, 0x000201, 0x000701])
def test_samples_by_the_million_that_are_not_there_are_refused(flags, tmp_path):
    file = edited(tmp_path)
    run = file.trafs()[0].first(b"trun")
    run.fields = struct.pack(">II", flags, 0xFFFFFFFF) + run.fields[8:]
    assert "4294967295 samples" in said(file, tmp_path)


def test_more_samples_than_the_file_has_octets_are_refused_before_memory_is_taken_for_them(tmp_path):
    """Runs without columns are as long for a million as for one; so are tables of samples that are all of one size."""
    file = edited(tmp_path)
    fields = file.trafs()[0].first(b"tfhd")
    fields.fields = struct.pack(">IIII", 0x020018, 1, 1024, 1)
    run = file.trafs()[0].first(b"trun")
    run.fields = struct.pack(">IIi", 0x000001, 3_000_000, 500)
    tracemalloc.start()
    assert "3000000 samples: more than the file has room for" in said(file, tmp_path)
    file = edited(tmp_path)
    file.trafs()[0].first(b"tfhd").fields = struct.pack(">IIII", 0x020018, 1, 1024, 1)
    run = file.trafs()[0].first(b"trun")
    run.fields = struct.pack(">IIi", 0x000001, 20_000, 500)
    file.trafs()[0].parts += [run] * 50
    assert "20000 samples: more than the file has room for" in said(file, tmp_path)
    file = edited(tmp_path)
    file.table.first(b"stsz").fields = struct.pack(">III", 0, 1, 3_000_000)
    assert "track 1 says 3000000 samples: more than the file has room for" in said(file, tmp_path)
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()


def test_a_sample_in_another_is_refused(tmp_path):
    file = edited(tmp_path)
    run = file.trafs()[1].first(b"trun")
    (offset,) = struct.unpack_from(">i", run.fields, 8)
    run.fields = run.fields[:8] + struct.pack(">i", offset - 20) + run.fields[12:]
    assert "lies in another one, or not in the media" in said(file, tmp_path)


def test_a_sample_beyond_the_media_is_refused(tmp_path):
    file = edited(tmp_path)
    file.tops.remove(next(node for node in file.tops if node.kind == b"mdat"))
    assert "no media are there" in said(file, tmp_path) or "in mid sample" in said(file, tmp_path)


def test_an_unknown_track_is_refused(tmp_path):
    file = edited(tmp_path)
    fields = file.trafs()[1].first(b"tfhd")
    fields.fields = fields.fields[:4] + struct.pack(">I", 9) + fields.fields[8:]
    assert "track 9, which moov does not have" in said(file, tmp_path)


@pytest.mark.parametrize("number", [1, 2, 0xFFFF, 0x10000, 0x10002, 0xFFFFFFFF])
def test_groups_that_are_not_defined_are_refused(number, tmp_path):
    file = edited(tmp_path)
    rows = bytes(4) + b"seig" + struct.pack(">III", 1, 5, number)
    file.trafs()[0].parts.append(Node(b"sbgp", rows))
    assert f"key group {number}, which is not defined" in said(file, tmp_path)


def test_groups_by_the_million_that_are_not_there_are_refused(tmp_path):
    for kind in (b"sbgp", b"sgpd"):
        file = edited(tmp_path)
        file.trafs()[0].parts.append(Node(kind, b"\0\0\0\0seig" + struct.pack(">I", 0xFFFFFFFF)))
        assert "4294967295" in said(file, tmp_path)


def test_an_unknown_key_is_named_and_the_samples_before_are_kept(tmp_path):
    file = edited(tmp_path)
    other = bytes(range(16))
    group = b"\x01\0\0\0seig" + struct.pack(">II", 20, 1) + bytes((0, 0, 1, 8)) + other
    file.trafs()[1].parts += [
        Node(b"sgpd", group),
        Node(b"sbgp", bytes(4) + b"seig" + struct.pack(">III", 1, 9, 0x10001)),
    ]
    kept, error = opened(file.save(tmp_path / "edited.mp4"))
    assert isinstance(error, DamagedError) and f"no key for key id {other.hex()}" in str(error)
    assert kept and error.samples > 20


def test_what_is_no_mp4_at_all_is_refused(tmp_path):
    for data in (
        b"",
        b"\0",
        b"\0" * 100,
        b"RIFF" + bytes(100),
        os.urandom(500),
        b"<html>" * 50,
        struct.pack(">I4s", 8, b"ftyp"),
    ):
        (tmp_path / "other").write_bytes(data)
        _, error = opened(tmp_path / "other")
        assert error is not None
        with pytest.raises(RemoteError), File(tmp_path / "other") as file:
            find_movie(file)
