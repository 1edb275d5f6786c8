"""The terminal's readers of titles and of their extras, and its ADPCM unit, against somebody who knows the formats.

One error that says why not, or what was asked for; no other exception, no memory that grows.
"""

import random
import struct
import sys
from pathlib import Path

import pytest
from headend.titles.protection import CBCS, CENC
from settop.errors import RemoteError
from testbed.machines.cpython import use_shims

from tests.helpers.mp4_attack import Attack
from tests.helpers.mp4_edit import HOLDERS
from tests.helpers.title_fuzz import Counted, is_clear, is_played, measured
from tests.helpers.tunes import packed, tune

HERE = Path(__file__).parent
sys.path += [str(HERE), str(HERE.parent / "vectors")]
use_shims()
from settop.codec import adpcm  # noqa: E402
from settop.titles.extras import Extras, Texts  # noqa: E402
from settop.titles.header import FILM, SOUND  # noqa: E402
from settop.titles.index import Index  # noqa: E402
from settop.titles.reader import TitleReader  # noqa: E402
from title_rig import KEY, KID, Heard, counted, fragment, inserted, lock, play, seig, spans  # noqa: E402
from title_vectors import CBCS as CBCS_TITLE  # noqa: E402
from title_vectors import CENC as CENC_TITLE  # noqa: E402
from title_vectors import CLEAR  # noqa: E402

MEMORY_BYTES = 70_000
"""What a reader takes on CPython, whatever it is told."""
SECOND = bytes(16)


def with_groups():
    """Three keys in a fragment, clear samples among them."""
    begin = CENC_TITLE[: CENC_TITLE.index(b"moof") - 4]
    begin = inserted(begin, (b"moov", b"trak", b"mdia", b"minf", b"stbl"), seig(lock(None)))
    samples = [bytes([one]) * 60 for one in range(4)]
    hidden = [counted(KEY, bytes([one]) * 8, samples[one]) for one in range(3)] + samples[3:]
    senc = struct.pack(">I4sII", 40, b"senc", 0, 4) + b"".join(bytes([one]) * 8 for one in range(3))
    groups = (spans((1, 0), (2, 0x10001), (1, 1)), seig(lock(SECOND)), senc)
    return begin + fragment(hidden, *groups) * 2


def keys(kid):
    return bytearray(KEY) if kid in (KID, SECOND) else None


@pytest.fixture(scope="module")
def titles(tmp_path_factory):
    """(title, which track)"""
    folder = tmp_path_factory.mktemp("titles")
    how = {"fragment_s": 0.1, "extras": {"lyrics": b"la " * 50, "tour": b"May"}, "purchaser": 4711}
    both = packed(tune("film", 0.2), folder / "both.mp4", CBCS, **how).read_bytes()
    film = packed(tune("silent_film", 0.2), folder / "film.mp4", CENC, "16", **how).read_bytes()
    tables = tune("aac", 0.3).read_bytes()
    at = tables.index(b"moov") - 4
    front = tables[: tables.index(b"mdat") - 4] + tables[at:] + tables[tables.index(b"mdat") - 4 : at]
    sound = (CLEAR, CENC_TITLE, CBCS_TITLE, with_groups(), both, front, CENC_TITLE.replace(b"senc", b"free"))
    return [*((title, SOUND) for title in sound), (film, FILM), (both, FILM)]


def test_the_titles_that_are_attacked_are_read(titles):
    for title, kind in titles[:5]:
        play(TitleReader(keys, None, kind, Heard().make), title, 700)


def test_whoever_knows_the_format_meets_one_error(titles, cases):
    rng = random.Random("attacks on titles")
    played = refused = 0
    for number in cases(300):
        title, kind = rng.choice(titles)
        attack = Attack(rng, title)
        data = attack.run()
        unit = Counted(rng.choice((None, 1, 7, 300)))
        step = rng.choice((1, 3, 16, 100, 700)) if len(data) < 5_000 else rng.choice((700, 5_000))

        def told(attack=attack, data=data):
            return f"{attack.done}: {data.hex()}"

        with measured(number, MEMORY_BYTES + step, told):
            whole = is_played(number, TitleReader(keys, None, kind, unit.make), unit, data, step, told)
        played += whole
        refused += not whole
    assert played > 10 and refused > 10


def test_an_index_that_was_attacked_leads_somewhere_or_is_refused(titles, cases):
    rng = random.Random("attacks on indexes")
    for number in cases(200):
        data = Attack(rng, rng.choice(titles)[0]).run()
        index = Index(rng.choice((0, 100, 1 << 40)))
        try:
            for at in range(0, len(data), 700):
                index.feed(data, at, min(len(data), at + 700))
        except RemoteError as error:
            assert is_clear(error)
        except Exception as error:
            raise AssertionError(f"case {number}: {data.hex()} gave {error!r}") from error
        assert index.place is None or index.place >= 0


class Sink(Texts):
    """Takes a part at a time, and everything that is named."""

    def __init__(self, rng):
        super().__init__(("title", "lyrics", "tour"), 50)
        self._rng = rng
        self.octets = 0

    def begin(self, name, kind, size):
        assert 0 < len(name) <= 64 and name.isascii() and name.isprintable() and size >= 0
        super().begin(name, kind, size)
        self._name = name if name in self._found else None
        return self._name is not None

    def write(self, octets, start, end):
        count = self._rng.randrange(end - start + 1)
        super().write(octets, start, start + count)
        self.octets += count
        return count


def test_extras_that_were_attacked_are_read_or_refused(titles, cases):
    rng = random.Random("attacks on extras")
    with_extras = [title for title, _ in titles if b"purchaser" in title]
    HOLDERS.update({b"ilst": 0, b"meta": 4, b"covr": 0, b"----": 0, b"\xa9lyr": 0, b"\xa9nam": 0})
    read = refused = 0
    for number in cases(300):
        attack = Attack(rng, rng.choice(with_extras))
        attack.tops = [node for node in attack.tops if node.kind in (b"ftyp", b"moov")]
        moov = attack.tops[-1]
        moov.parts = [part for part in moov.parts if part.kind in (b"mvhd", b"udta")]
        data = bytearray(attack.run())
        for _ in range(rng.choice((0, 0, 1, 3)) if data else 0):
            data[rng.randrange(len(data))] = rng.choice((0, 1, 7, 48, 0x7F, 0xFF))
        sink = Sink(rng)
        with measured(number, 20_000, data.hex):
            extras = Extras(sink)
            try:
                at, idle = 0, 0
                while at < len(data):
                    taken = extras.feed(data, at, min(len(data), at + rng.choice((1, 20, 500))))
                    idle = 0 if taken else idle + 1
                    assert idle < 1000
                    at += taken
                extras.finish()
                read += 1
            except RemoteError as error:
                refused += 1
                assert is_clear(error), f"case {number}: {data.hex()}"
            except AssertionError:
                raise
            except Exception as error:
                raise AssertionError(f"case {number}: {data.hex()} gave {error!r}") from error
            assert extras.purchaser is None or 0 <= extras.purchaser < 1 << 64
            assert sink.octets <= len(data)
            for name in ("title", "lyrics", "tour", "cover"):
                assert len(sink.get(name)) <= 50 and sink.get(name).replace("\n", "").isprintable()
    assert read > 10 and refused > 10


def spoken(block, channels):
    """A block of IMA ADPCM as 16-bit samples, by its definition; silence where its head cannot be."""
    heads = [struct.unpack_from("<hBB", block, 4 * channel) for channel in range(channels)]
    count = 1 + (len(block) - 4 * channels) // (4 * channels) * 8
    if any(index > 88 for _, index, _ in heads):
        return [0] * (count * channels)
    found = [[value] for value, _, _ in heads]
    for channel in range(channels):
        value, index, _ = heads[channel]
        for group in range(4 * channels + 4 * channel, len(block) - 3, 4 * channels):
            for octet in block[group : group + 4]:
                for code in (octet & 15, octet >> 4):
                    step = adpcm._STEPS[index]
                    change = step >> 3
                    change += (
                        (step if code & 4 else 0) + (step >> 1 if code & 2 else 0) + (step >> 2 if code & 1 else 0)
                    )
                    value = max(-32768, min(32767, value - change if code & 8 else value + change))
                    index = max(0, min(88, index + (-1, -1, -1, -1, 2, 4, 6, 8)[code & 7]))
                    found[channel].append(value)
    return [found[channel][at] for at in range(count) for channel in range(channels)]


class Wav:
    """Takes a part at a time."""

    def __init__(self, rng):
        self._rng = rng
        self.data = bytearray()

    def write(self, octets, start, end):
        count = self._rng.randrange(end - start + 1)
        self.data += octets[start : start + count]
        return count


def test_adpcm_of_any_octets_becomes_as_many_samples_or_is_refused(cases):
    rng = random.Random("attacks on adpcm")
    silent = 0
    for number in cases(300):
        channels = rng.choice((1, 2))
        size = rng.choice((rng.randrange(1, 80) * 4, rng.randrange(0, 300), 0x7FFC, 0xFFFF))
        extra = bytes((size & 0xFF, size >> 8))[: rng.choice((2, 2, 2, 2, 2, 1, 0))]
        sink = Wav(rng)
        try:
            unit = adpcm.make(sink, rng.choice((8_000, 44_100)), channels, extra)
        except RemoteError as error:
            assert is_clear(error)
            continue
        wanted = []
        for _ in range(rng.choice((1, 2, 4))):
            if size < 400:
                count = rng.choice((size, size, size * 3, rng.randrange(1, 3 * size)))
            else:
                count = rng.randrange(1, 300)
            data = bytearray(rng.randbytes(count))
            for at in range(0, count, size):
                for channel in range(channels):
                    if at + 4 * channel + 2 < count and rng.randrange(8):
                        data[at + 4 * channel + 2] %= 89
            try:
                unit.begin(count)
            except RemoteError as error:
                assert is_clear(error)
                break
            at = 0
            while at < count:
                at += unit.write(data, at, min(count, at + rng.choice((1, 5, 64, 1000))))
            for at in range(0, count, size):
                block = bytes(data[at : at + size])
                if len(block) >= 4 * channels:
                    wanted += spoken(block, channels)
        while not unit.flush():
            pass
        silent += unit.damaged
        made = bytes(sink.data[sink.data.index(b"data") + 8 :]) if b"data" in sink.data else b""
        assert made == struct.pack(f"<{len(wanted)}h", *wanted), f"case {number}"
    assert silent > 10
