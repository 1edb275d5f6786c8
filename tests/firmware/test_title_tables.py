"""Files without fragments, as others make them: short ones play by moov's own tables, the rest is refused."""

from kit import raises
from settop.errors import RemoteError
from settop.titles.reader import TitleReader
from title_rig import Heard, box, counted, fragment, inserted, keys, lock, no_keys, number, place_of, play, seig, spans
from title_vectors import CENC, CLEAR, KEY

STBL = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
SAMPLES = [bytes([one]) * size for one, size in ((1, 100), (2, 33), (3, 16), (4, 250), (5, 15), (6, 64))]
IVS = [bytes([sample + 1]) * 8 for sample in range(6)]
HIDDEN = [counted(KEY, IVS[sample], SAMPLES[sample]) for sample in range(6)]
SENC = box(b"senc", bytes(4), number(6), *IVS)


def begin(title):
    return title[: place_of(title, b"sidx")]


def table(kind, *rows, size=b""):
    return box(kind, bytes(4), size, number(len(rows)), *rows)


def sizes(samples):
    return table(b"stsz", *[number(len(one)) for one in samples], size=bytes(4))


def chunked(*pairs):
    """`stsc`: (first chunk, samples in each)."""
    return table(b"stsc", *[number(first) + number(count) + number(1) for first, count in pairs])


def tabled(title, samples, *boxes, places=None, stsc=None, stsz=None, width=4, gap=b""):
    """A file of such samples: three chunks of two each with `gap` between them, unless said otherwise."""
    kind = b"stco" if width == 4 else b"co64"

    def made(at):
        starts = [at]
        for chunk in (0, 2):
            starts.append(starts[-1] + len(samples[chunk]) + len(samples[chunk + 1]) + len(gap))
        offsets = table(kind, *[number(one, width) for one in (places or starts)])
        return inserted(
            begin(title), STBL, b"".join(boxes) + (stsz or sizes(samples)) + (stsc or chunked((1, 2))) + offsets
        )

    media = gap.join([samples[at] + samples[at + 1] for at in (0, 2, 4)])
    # `senc` comes behind the tables that say how many samples there are.
    return made(len(made(0)) + 8) + box(b"mdat", media)


def behind(title, *boxes):
    """A file whose tables are in place, with these boxes behind them: the places move with moov."""
    more = b"".join(boxes)
    data = inserted(title, STBL, more)
    at = data.rindex(b"stco")
    for place in range(at + 12, at + 24, 4):
        moved = int.from_bytes(data[place : place + 4], "big") + len(more)
        data = data[:place] + number(moved) + data[place + 4 :]
    return data


def heard(title, keystore=keys, step=50):
    unit = Heard()
    reader = TitleReader(keystore, None, make=unit.make)
    play(reader, title, step)
    return unit.whole()


def refused(title, word):
    unit = Heard()
    with raises(RemoteError) as caught:
        play(TitleReader(keys, None, make=unit.make), title, 50)
    assert word in str(caught.value), str(caught.value)
    assert not unit.samples


def test_chunks_are_found_wherever_they_lie():
    for gap in (b"", b"what another track has"):
        for width in (4, 8):
            for step in (1, 50, 5000):
                assert heard(tabled(CLEAR, SAMPLES, width=width, gap=gap), no_keys, step) == SAMPLES
    assert heard(tabled(CLEAR, SAMPLES, stsc=chunked((1, 2), (2, 2), (3, 2))), no_keys) == SAMPLES
    alike = [bytes([one]) * 20 for one in range(6)]
    equal = box(b"stsz", bytes(4), number(20), number(6))
    assert heard(tabled(CLEAR, alike, stsz=equal), no_keys) == alike


def test_ivs_are_those_of_moov():
    assert heard(behind(tabled(CENC, HIDDEN), SENC)) == SAMPLES
    refused(tabled(CENC, HIDDEN), "IVs")
    # In front of the media, where saio says, which counts from the file's beginning.
    title = behind(
        tabled(CENC, HIDDEN), box(b"saiz", bytes(4), b"\x08", number(6)), box(b"saio", bytes(4), number(1), bytes(4))
    )
    at = title.rindex(b"stco")
    for place in range(at + 12, at + 24, 4):
        moved = int.from_bytes(title[place : place + 4], "big") + 48
        title = title[:place] + number(moved) + title[place + 4 :]
    media = title.rindex(b"mdat") + 4
    title = title[: media - 8] + number(len(title) - media + 8 + 48) + b"mdat" + b"".join(IVS) + title[media:]
    at = title.rindex(b"saio") + 12
    assert heard(title[:at] + number(media) + title[at + 4 :]) == SAMPLES


def test_keys_may_change_there_too():
    octets = [SAMPLES[0]] + HIDDEN[1:]
    senc = box(b"senc", bytes(4), number(6), *IVS[1:])
    assert heard(behind(tabled(CENC, octets), spans((1, 1)), seig(lock(None)), senc)) == SAMPLES


def test_fragments_may_follow():
    senc = box(b"senc", bytes(4), number(2), IVS[0], IVS[1])
    title = behind(tabled(CENC, HIDDEN), SENC) + fragment(HIDDEN[:2], senc)
    assert heard(title) == SAMPLES + SAMPLES[:2]


def test_files_that_do_not_fit_say_so():
    for kind, width in ((b"stsz", 4), (b"stsc", 12), (b"stco", 4), (b"co64", 8)):
        wide = table(kind, *[bytes(width)] * 600, size=bytes(4) if kind == b"stsz" else b"")
        refused(inserted(begin(CLEAR), STBL, wide), "without fragments")
    refused(inserted(begin(CLEAR), STBL, box(b"stsz", bytes(4), number(2), number(1 << 31))), "without fragments")


def test_tables_that_lie_are_refused():
    for stsc in (
        ((2, 2),),
        ((1, 1),),
        ((1, 3),),
        ((1, 2), (5, 2)),
        ((1, 2), (1, 2)),
        ((1, 2), (3, 2), (2, 2)),
        ((1, 0),),
    ):
        refused(tabled(CLEAR, SAMPLES, stsc=chunked(*stsc)), "")
    refused(tabled(CLEAR, SAMPLES, stsc=chunked((1, 0xFFFFFFFF))), "same samples")
    refused(tabled(CLEAR, SAMPLES, stsz=sizes(SAMPLES[:5])), "same samples")
    refused(tabled(CLEAR, SAMPLES, stsz=sizes(SAMPLES) + sizes(SAMPLES)), "twice")
    refused(tabled(CLEAR, SAMPLES, stsz=box(b"stsz", bytes(8), number(6))), "too short")
    other = table(b"stsc", number(1) + number(2) + number(2))
    refused(tabled(CLEAR, SAMPLES, stsc=other), "description 2")
    refused(tabled(CLEAR, SAMPLES, places=[0, 100, 200]), "over already")
    refused(tabled(CLEAR, SAMPLES, places=[1 << 31] * 3), "cut")


def test_samples_of_a_track_that_is_not_played_are_left_alone():
    """A track whose `hdlr` changes behind its tables would have its samples given to the codec of another."""
    title = inserted(tabled(CLEAR, SAMPLES), (b"moov", b"trak", b"mdia"), box(b"hdlr", bytes(8), b"vide", bytes(13)))
    refused(title, "twice what it is")
