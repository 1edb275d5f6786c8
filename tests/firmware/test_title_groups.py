"""Keys that change within a title, by sample groups and descriptions: each sample is opened by its own, or says why
not."""

import gc
import sys

from kit import Skip, raises
from settop.errors import RemoteError
from settop.titles.reader import TitleReader
from title_rig import (
    Heard,
    box,
    counted,
    fragment,
    inserted,
    lock,
    number,
    place_of,
    play,
    seig,
    spans,
)
from title_vectors import CENC, CLEAR, KEY, KID

OTHER_KID, OTHER_KEY = b"other key's name", bytes(range(16))
THIRD_KID, THIRD_KEY = b"a third one's id", bytes(range(7, 23))
STBL = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
BEGIN = CENC[: place_of(CENC, b"sidx")]
SAMPLES = [bytes([one]) * size for one, size in ((1, 100), (2, 33), (3, 16), (4, 250), (5, 15), (6, 64))]
OF_FRAGMENT = 0x10000
MICROPYTHON = sys.implementation.name == "micropython"


class Asked:
    """A keystore with three keys that notes what it was asked for."""

    def __init__(self):
        self.kids = []

    def __call__(self, kid):
        self.kids.append(kid)
        found = {KID: KEY, OTHER_KID: OTHER_KEY, THIRD_KID: THIRD_KEY}.get(kid)
        return None if found is None else bytearray(found)


def iv_of(sample, count=8):
    return bytes([sample + 1]) * count


def made(under, *boxes, **more):
    """A fragment of SAMPLES; under: key of each, or (key, octets of its IV), None for clear ones."""
    octets, entries = [], b""
    for sample, key in enumerate(under):
        key, count = key if isinstance(key, tuple) else (key, 8)
        iv = b"" if key is None else iv_of(sample, count)
        octets.append(SAMPLES[sample] if key is None else counted(key, iv, SAMPLES[sample]))
        entries += iv
    return fragment(octets, *boxes, box(b"senc", bytes(4), number(len(under)), entries), **more)


def heard(title, step=50, keystore=None):
    """(samples, key ids that were asked for)"""
    asked = keystore or Asked()
    unit = Heard()
    reader = TitleReader(asked, None, make=unit.make)
    play(reader, title, step)
    reader.close()
    return unit.whole(), asked.kids


def refused(title, word, good=0):
    """The error has `word` in it; the first `good` samples were played and nothing else."""
    unit = Heard()
    reader = TitleReader(Asked(), None, make=unit.make)
    with raises(RemoteError) as caught:
        play(reader, title, 50)
    assert word in str(caught.value), str(caught.value)
    assert unit.samples == SAMPLES[:good], (unit.samples, str(caught.value))
    reader.close()


def test_the_key_changes_within_a_fragment():
    title = BEGIN + made(
        [KEY, KEY, OTHER_KEY, OTHER_KEY, THIRD_KEY, KEY],
        spans((2, 0), (2, OF_FRAGMENT + 1), (1, OF_FRAGMENT + 2)),
        seig(lock(OTHER_KID), lock(THIRD_KID)),
    )
    for step in (1, 16, 50, 1000):
        assert heard(title, step) == (SAMPLES, [KID, OTHER_KID, THIRD_KID, KID])


def test_the_key_changes_from_fragment_to_fragment_and_is_asked_for_once():
    changes = b""
    for kid, key in ((OTHER_KID, OTHER_KEY), (OTHER_KID, OTHER_KEY), (THIRD_KID, THIRD_KEY)):
        changes += made([key] * 6, seig(lock(kid)), spans((6, OF_FRAGMENT + 1)))
    assert heard(BEGIN + changes) == (SAMPLES * 3, [OTHER_KID, THIRD_KID])
    # Without groups it is the track's key again.
    assert heard(BEGIN + changes + made([KEY] * 6)) == (SAMPLES * 4, [OTHER_KID, THIRD_KID, KID])


def test_groups_may_be_defined_in_the_header():
    begin = inserted(BEGIN, STBL, seig(lock(OTHER_KID), lock(None)))
    title = begin + made([OTHER_KEY, None, KEY, OTHER_KEY], spans((1, 1), (1, 2), (1, 0), (1, 1)))
    assert heard(title) == (SAMPLES[:4], [OTHER_KID, KID, OTHER_KID])
    # Those of the header stay, those of a fragment do not.
    more = made([THIRD_KEY, OTHER_KEY], seig(lock(THIRD_KID)), spans((1, OF_FRAGMENT + 1), (1, 1)))
    assert heard(title + more + made([OTHER_KEY], spans((1, 1))))[0] == SAMPLES[:4] + SAMPLES[:2] + SAMPLES[:1]
    refused(begin + more + made([OTHER_KEY], spans((1, OF_FRAGMENT + 1))), "group 1, which is not defined", 2)


def test_a_group_may_say_clear():
    title = BEGIN + made([KEY, None, None, KEY], seig(lock(None)), spans((1, 0), (2, OF_FRAGMENT + 1)))
    assert heard(title) == (SAMPLES[:4], [KID])
    # All of it: no key is asked for, though the header names one.
    title = BEGIN + made([None] * 6, seig(lock(None)), spans((6, OF_FRAGMENT + 1)))
    assert heard(title) == (SAMPLES, [])


def test_a_group_has_ivs_and_lengths_of_its_own():
    constant = lock(THIRD_KID, 0, 0, iv_of(2))
    long = lock(OTHER_KID, 16)
    for sgpd in (
        box(b"sgpd", number(1 << 24), b"seig", bytes(4), number(2), number(20), long, number(29), constant),
        seig(long + bytes(9), constant),
    ):
        octets = [counted(KEY, iv_of(0), SAMPLES[0]), counted(OTHER_KEY, iv_of(1, 16), SAMPLES[1])]
        octets.append(counted(THIRD_KEY, iv_of(2), SAMPLES[2]))
        senc = box(b"senc", bytes(4), number(3), iv_of(0) + iv_of(1, 16))
        groups = spans((1, 0), (1, OF_FRAGMENT + 1), (1, OF_FRAGMENT + 2))
        assert heard(BEGIN + fragment(octets, sgpd, groups, senc))[0] == SAMPLES[:3]
        # IVs where saiz says.
        saiz = box(b"saiz", bytes(5), number(3), bytes((8, 16, 0)))
        moof = fragment(octets, sgpd, groups, saiz, box(b"saio", bytes(4), number(1), bytes(4)), first=bytes(24))
        saio = box(b"saio", bytes(4), number(1), number(moof.index(b"mdat") + 4))
        title = BEGIN + fragment(octets, sgpd, groups, saiz, saio, first=iv_of(0) + iv_of(1, 16))
        assert heard(title)[0] == SAMPLES[:3]


def test_groups_of_version_0_and_of_another_kind():
    sgpd = box(b"sgpd", bytes(4), b"seig", number(1), lock(OTHER_KID))
    roll = box(b"sgpd", number(1 << 24), b"roll", number(2), number(1), b"\xff\xff")
    rolls = box(b"sbgp", bytes(4), b"roll", number(1), number(6), number(1))
    title = BEGIN + made([OTHER_KEY] * 6, roll, rolls, sgpd, spans((6, OF_FRAGMENT + 1)))
    assert heard(title)[0] == SAMPLES
    parameter = box(b"sbgp", number(1 << 24), b"seig", bytes(4), number(1), number(6), number(OF_FRAGMENT + 1))
    assert heard(BEGIN + made([OTHER_KEY] * 6, parameter, sgpd))[0] == SAMPLES


def test_a_key_that_is_missing_is_named_where_it_is_needed():
    groups = spans((2, 0), (1, OF_FRAGMENT + 1)), seig(lock(b"nobody has this!"))
    refused(BEGIN + made([KEY] * 4, *groups), b"nobody has this!".hex(), 2)


def test_a_fragment_may_be_of_a_clear_description():
    """A clear lead: the second description has no `sinf`."""
    clear = place_of(CLEAR, *(STBL + (b"stsd", b"mp4a")))
    entry = CLEAR[clear : clear + int.from_bytes(CLEAR[clear : clear + 4], "big")]
    begin = inserted(BEGIN, STBL + (b"stsd",), entry)
    lead = fragment(SAMPLES, flags=0x20002, tfhd=number(2))
    assert heard(begin + lead) == (SAMPLES, [])
    assert heard(begin + lead + made([KEY] * 6)) == (SAMPLES * 2, [KID])
    # `trex` may say it for all fragments.
    other = inserted(BEGIN, STBL + (b"stsd",), entry)
    at = other.index(b"trex") + 12
    assert heard(other[:at] + number(2) + other[at + 4 :] + fragment(SAMPLES)) == (SAMPLES, [])
    # IVs are a contradiction.
    refused(begin + made([KEY] * 6, flags=0x20002, tfhd=number(2)), "IVs and maps")
    for wrong in (0, 3, 0xFFFFFFFF):
        refused(begin + fragment(SAMPLES, flags=0x20002, tfhd=number(wrong)), "description")
    mp3 = entry.replace(b"\x04\x80\x80\x80\x17\x40", b"\x04\x80\x80\x80\x17\x6b")
    assert mp3 != entry
    refused(inserted(BEGIN, STBL + (b"stsd",), mp3) + lead, "another codec")


def test_groups_that_cannot_be_are_refused():
    good = seig(lock(OTHER_KID))
    six = [OTHER_KEY] * 6
    for groups, word in (
        ((spans((6, OF_FRAGMENT + 1)),), "not defined"),
        ((good, spans((6, OF_FRAGMENT + 2))), "not defined"),
        ((good, spans((6, 1))), "not defined"),
        ((good, spans((6, 0xFFFFFFFF))), "not defined"),
        ((good, spans((7, OF_FRAGMENT + 1))), "7 samples"),
        ((good, spans((0xFFFFFFFF, OF_FRAGMENT + 1), (0xFFFFFFFF, 0))), "samples, and 6"),
        ((good, spans(*([(0, 0)] * 33))), "change more than"),
        ((good, box(b"sbgp", bytes(4), b"seig", number(2), number(6), number(1))), "too short"),
        ((good, box(b"sbgp", bytes(4), b"seig", number(0xFFFFFFFF))), "too short"),
        ((good, box(b"sbgp", number(2 << 24), b"seig", number(0))), "version 2"),
        ((box(b"sgpd", number(2 << 24), b"seig", number(0)),), "version 2"),
        ((box(b"sgpd", number(1 << 24), b"seig", number(20), number(0xFFFFFFFF)),), "too short"),
        ((box(b"sgpd", number(1 << 24), b"seig", number(19), number(1), bytes(40)),), "19 octets"),
        ((box(b"sgpd", number(1 << 24), b"seig", number(0xFFFFFFFF), number(1), bytes(40)),), "too short"),
        ((box(b"sgpd", number(1 << 24), b"seig", bytes(4), number(1), number(19), bytes(40)),), "19 octets"),
        ((box(b"sgpd", number(1 << 24), b"seig", bytes(4), number(1), number(99), bytes(99)),), "too short"),
        ((seig(*([lock(OTHER_KID)] * 17)),), "more than 16"),
        ((good,) * 17, "more than 16"),
        ((seig(lock(OTHER_KID, 7)),), "cannot be"),
        ((seig(lock(OTHER_KID, 0)),), "constant IV"),
        ((seig(lock(OTHER_KID, 0, 0, bytes(15))),), "constant IV"),
        ((box(b"sgpd", bytes(4), b"seig", number(1), lock(OTHER_KID, 0, 0, bytes(8))),), "constant IV"),
        ((seig(lock(OTHER_KID, 8, 0x09)),), "pattern"),
    ):
        refused(BEGIN + made(six, *groups), word)


def test_a_clear_sample_with_a_map_is_refused():
    senc = box(b"senc", number(2), number(1), number(1, 2), number(0, 2), number(len(SAMPLES[0])))
    refused(BEGIN + fragment(SAMPLES[:1], seig(lock(None)), spans((1, OF_FRAGMENT + 1)), senc), "clear sample")


def test_keys_that_change_for_ever_take_no_more_memory():
    if not MICROPYTHON:
        raise Skip("gc.mem_alloc() is MicroPython's")
    unit = Heard()
    reader = TitleReader(Asked(), None, make=unit.make)
    reader.feed(BEGIN)
    pieces = [
        made([key] * 6, seig(lock(kid)), spans((6, OF_FRAGMENT + 1)))
        for kid, key in ((OTHER_KID, OTHER_KEY), (THIRD_KID, THIRD_KEY))
    ]
    seen = []
    for turn in range(300 if sys.platform == "linux" else 40):
        reader.feed(pieces[turn % 2])
        unit.samples = []
        reader._samples._keys.kids.clear()
        if turn % 10 == 9:
            gc.collect()
            seen.append(gc.mem_alloc())
    assert max(seen[1:]) - min(seen[1:]) < 256, seen
