"""Extras and purchaser's number that the head-end packs, read by the terminal from any copy."""

import io
import tracemalloc

import av
import pytest
from headend.titles.boxes import File
from headend.titles.extras import read_extras, read_purchaser
from headend.titles.keys import Keys
from headend.titles.opening import find_movie, unpack
from headend.titles.protection import CBCS, CENC, NONE

from tests.helpers.terminal_reads import Chip  # noqa: F401  (puts cryptolib's stand-in in place)
from tests.helpers.tunes import KEY, KID, Target, packed, tune

from settop.titles.extras import Extras  # isort: skip

COVER = b"\xff\xd8\xff" + bytes(range(256)) * 400
EXTRAS = {
    "artist": "Someone ä".encode(),
    "composer": b"Someone else",
    "lyrics": b"la la\n" * 1000,
    "cover": COVER,
    "score": b"%PDF-1.4\xff\0" * 50,
    "tour": b"May",
}
PURCHASER = 9_876_543_210_123


class Kept:
    def __init__(self):
        self.found = {}

    def begin(self, name, kind, size):
        self.found[name] = b""
        self._name = name
        return True

    def write(self, octets, start, end):
        self.found[self._name] += bytes(octets[start:end])
        return end - start


def read(path, step=512):
    sink = Kept()
    extras = Extras(sink)
    source = io.BytesIO(path.read_bytes())
    while piece := source.read(step):
        assert extras.feed(piece) == len(piece)
    extras.finish()
    return sink.found, extras.purchaser


@pytest.mark.parametrize("scheme", [NONE, CENC, CBCS])
@pytest.mark.parametrize("name", ["aac", "film_mp3"])
def test_any_copy_has_them(tmp_path, name, scheme):
    title = packed(tune(name), tmp_path / "title.mp4", scheme, extras=EXTRAS, purchaser=PURCHASER)
    with File(title) as file:
        movie = find_movie(file)
        assert read(title) == (read_extras(movie), read_purchaser(movie))
    found, purchaser = read(title)
    assert EXTRAS.items() <= found.items() and found["title"] == b"A tune" and purchaser == PURCHASER
    if scheme != NONE:
        with Target(tmp_path / "again.mp4") as output:
            unpack(title, output, Keys({KID: KEY}))
        assert read(tmp_path / "again.mp4") == (found, purchaser)


def test_what_ffmpeg_copies_keeps_what_it_has_names_for(tmp_path):
    title = packed(tune("aac"), tmp_path / "title.mp4", NONE, extras={"lyrics": b"la", "composer": b"S"}, purchaser=3)
    copy = tmp_path / "copy.mp4"
    with av.open(title) as source, av.open(copy, "w") as target:
        target.metadata.update(source.metadata)
        stream = target.add_stream_from_template(source.streams[0])
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    found, purchaser = read(copy)
    assert found["title"] == b"A tune" and found["composer"] == b"S" and found["lyrics"] == b"la" and purchaser is None


def test_a_cover_of_megabytes_takes_no_memory(tmp_path):
    class Swallows(Kept):
        octets = 0

        def write(self, octets, start, end):
            self.octets += end - start
            return end - start

    peaks = []
    for size in (10_000, 5_000_000):
        data = COVER[:3] + bytes(size)
        title = packed(tune("aac", 0.2), tmp_path / "title.mp4", NONE, extras={"cover": data}).read_bytes()
        sink = Swallows()
        extras = Extras(sink)
        tracemalloc.start()
        for at in range(0, len(title), 512):
            extras.feed(title, at, min(len(title), at + 512))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        extras.finish()
        assert sink.octets >= size
    assert abs(peaks[1] - peaks[0]) < 1000, peaks
