"""The reader of titles against damaged and invented ones: samples opened and written, or the one error that says why
not.

Each case begins with a small title of its kind and changes it: octets, sizes, boxes left out, doubled, in each other's
place, cut; where the change lies in a header, what follows it is the better reached the fewer they are.
"""

import random
import struct
import sys
import tracemalloc
from pathlib import Path

import av
import pytest
from headend.titles.info import read_info
from headend.titles.keys import Keys
from headend.titles.licence import Licence, read_licence
from headend.titles.opening import unpack
from headend.titles.protection import CBCS, CENC
from headend.titles.tenth import tenth
from settop.errors import LocalError, RemoteError

from tests.helpers.mp4_edit import Edited, Node
from tests.helpers.tunes import KEY, KID, packed, tune

sys.path.append(str(Path(__file__).parent))
from test_fuzz_parsers import Parser, invented

_NAMES = (
    b"moovtrakmdiaminfstblstsdencaencvsinfschmschitencfrmamvextrexmooftraftfhdtfdttrunsencsaizsaiosgpdsbgpmdatudtametailst"
    b"stszstscstcotkhdmdhdhdlrsidx"
)
NAMES = [_NAMES[at : at + 4] for at in range(0, len(_NAMES), 4)]
_KINDS = (b"free", b"moov", b"moof", b"traf", b"trun", b"senc", b"sinf", b"uuid")
_NUMBERS = (0, 1, 2, 7, 8, 15, 16, 255, 256, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x10001)
_MEMORY_LIMIT = 64 << 20


class Written:
    """What comes out."""

    def __init__(self):
        self.octets = 0

    def write(self, data):
        self.octets += len(data)


def with_groups(path):
    file = Edited(path)
    group = b"\x01\0\0\0seig" + struct.pack(">II", 20, 1) + bytes((0, 0, 1, 8)) + KID
    for traf in file.trafs():
        traf.parts += [Node(b"sgpd", group), Node(b"sbgp", bytes(4) + b"seig" + struct.pack(">III", 1, 9, 0x10001))]
    return file.save(path)


def without_fragments(path):
    options = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": KEY.hex(), "encryption_kid": KID.hex()}
    with av.open(tune("aac", 0.2)) as source, av.open(path, "w", options=options) as target:
        stream = target.add_stream_from_template(source.streams[0])
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    return path


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("titles")
    made = [
        packed(tune("aac", 0.2), folder / "cenc.mp4", CENC, extras={"lyrics": b"la"}, purchaser=3, fragment_s=0.1),
        packed(tune("silent_film", 0.2), folder / "film.mp4", CENC, "16", fragment_s=0.1),
        packed(tune("silent_film", 0.2), folder / "pattern.mp4", CBCS, fragment_s=0.1),
        packed(tune("aac", 0.2), folder / "cbcs.mp4", CBCS, "16", fragment_s=0.1),
        with_groups(packed(tune("aac", 0.2), folder / "groups.mp4", CENC, fragment_s=0.1)),
        without_fragments(folder / "tables.mp4"),
    ]
    found = [path.read_bytes() for path in made]
    assert all(len(data) < 40_000 for data in found)
    # IVs by saiz and saio alone.
    return [*found, found[0].replace(b"senc", b"free"), found[5].replace(b"senc", b"free")]


def boxes_of(data):
    """(start, end) of what looks like boxes, at every depth: by their names, sizes are not believed."""
    found = []
    for name in NAMES:
        at = data.find(name)
        while at >= 4:
            found.append((at - 4, min(at - 4 + struct.unpack_from(">I", data, at - 4)[0], len(data))))
            at = data.find(name, at + 1)
    return found


def damaged(rng, data):
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        places = boxes_of(data)
        if not places:
            break
        start, end = rng.choice(places)
        kind = rng.randrange(10)
        if kind < 2:  # a number in its fields
            at = rng.randrange(start, max(min(end, start + 60), start + 1))
            data[at : at + 4] = struct.pack(">I", rng.choice(_NUMBERS))
        elif kind < 4 and end > start:
            at = rng.randrange(start, end)
            data[at] = rng.choice((0, 1, 255, rng.randrange(256)))
        elif kind == 4:
            data[start : start + 4] = struct.pack(">I", rng.choice(_NUMBERS))
        elif kind == 5:
            del data[start:end]
        elif kind == 6:
            data[start:start] = data[start:end]
        elif kind == 7:
            data[start + 4 : start + 8] = rng.choice(
                (b"free", b"moov", b"moof", b"traf", b"trun", b"senc", b"sinf", b"uuid")
            )
        elif kind == 8:
            del data[rng.randrange(len(data) + 1) :]
        else:
            other, last = rng.choice(places)
            data[start:end] = data[other:last]
    return bytes(data[:200_000])


def test_a_damaged_title_is_opened_or_refused(samples, tmp_path, cases):
    rng = random.Random("fuzz titles")
    keys = Keys({KID: KEY})
    path = tmp_path / "case.mp4"
    taken = refused = 0
    for sample in samples:
        path.write_bytes(sample)
        unpack(path, Written(), keys)
        assert not read_info(path).note
    tracemalloc.start()
    for number in cases(200):
        data = damaged(rng, rng.choice(samples))
        path.write_bytes(data)
        out = Written()
        try:
            unpack(path, out, keys)
            taken += 1
        except (RemoteError, LocalError) as error:
            refused += 1
            assert "\n" not in str(error) and len(str(error)) < 500
        except Exception as error:
            raise AssertionError(f"case {number}: {data.hex()} gave {error!r}") from error
        assert out.octets <= len(data)
        try:
            read_info(path)
        except RemoteError:
            pass
        except Exception as error:
            raise AssertionError(f"case {number}: {data.hex()} gave {error!r} to info") from error
        assert tracemalloc.get_traced_memory()[1] < _MEMORY_LIMIT, f"case {number}: {data.hex()}"
        tracemalloc.reset_peak()
    tracemalloc.stop()
    assert taken > 10 and refused > 10


def test_a_damaged_licence_is_read_or_refused(cases):
    rng = random.Random("fuzz licences")
    parser = Parser("licence", bytes, (Licence({KID: KEY}).text(), Licence({KID: KEY, bytes(16): KEY}).text()))
    for number in cases(300):
        data = invented(rng, parser)
        try:
            read_licence(data)
        except RemoteError as error:
            assert KEY.hex() not in str(error)
        except Exception as error:
            raise AssertionError(f"case {number}: {data!r} gave {error!r}") from error


def test_a_damaged_tune_is_shifted_and_comes_back_or_is_refused(tmp_path, cases):
    rng = random.Random("fuzz tenth")
    sample = tune("mp3", 0.2).read_bytes()
    path, back = tmp_path / "case.mp3", tmp_path / "back.mp3"
    for number in cases(200):
        data = invented(rng, Parser("tune", bytes, (sample, sample + b"TAG" + bytes(125))))
        path.write_bytes(data)
        for spare in (False, True):
            made, undone = [], []
            try:
                tenth(path, made.append, KEY, spare)
                back.write_bytes(b"".join(made))
                tenth(back, undone.append, KEY, spare, undo=True)
            except RemoteError:
                continue
            except Exception as error:
                raise AssertionError(f"case {number}: {data.hex()} gave {error!r}") from error
            assert spare is False or b"".join(undone) == data, f"case {number}: {data.hex()}"
