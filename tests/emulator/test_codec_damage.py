"""Damaged and foreign octets at the decoder chip's model: it never fails, and goes on with what is whole."""

import numpy as np
import pytest
from testbed.machines.codec.decoder import Decoder
from testbed.machines.codec.mp4 import Mp4Error, read_movie
from testbed.machines.codec.sound import Sound

from tests.helpers.melodies import decoded, offset_of, tune

KINDS = ("mp3", "aac", "m4a", "wav", "adpcm")
OCTET_NS = 62_500  # 128 kbit/s


@pytest.fixture(scope="module")
def files():
    return {kind: tune(kind, 0.4) for kind in KINDS}


def played(octets, step_ns=OCTET_NS):
    decoder = Decoder(Sound())
    for number, octet in enumerate(octets):
        decoder.put(octet, number * step_ns)
    decoder.run(1 << 50)
    return decoder


def damaged(rng, file):
    """The same file with octets changed, a piece cut out, a piece repeated, or another end."""
    octets = bytearray(file)
    for _ in range(int(rng.integers(1, 20))):
        octets[int(rng.integers(len(octets)))] = int(rng.integers(256))
    if rng.integers(2):
        at, count = int(rng.integers(len(octets))), int(rng.integers(1, 2000))
        del octets[at : at + count]
    if rng.integers(2):
        at = int(rng.integers(len(octets)))
        octets[at:at] = octets[: int(rng.integers(1, 500))]
    return bytes(octets)


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_is_changed_in_a_file_it_goes_on(files, kind):
    for number in range(12):
        rng = np.random.default_rng(number)
        decoder = played(damaged(rng, files[kind])[:12_000])
        assert sum(piece.count for piece in decoder.sound.pieces) < 20 * 44_100
        decoder.sound.heard()


@pytest.mark.parametrize("kind", ["mp3", "aac"])
def test_a_stream_is_found_again_behind_what_is_broken(files, kind):
    file = files[kind]
    middle = len(file) // 2
    whole = file + np.random.default_rng(1).bytes(3000) + file[middle:] + bytes(2100) + file
    decoder = played(whole)
    last = [piece for piece in decoder.sound.pieces if piece.file == decoder.sound.pieces[-1].file]
    offset_of(decoded(file), np.concatenate([piece.samples for piece in last]))


def test_noise_with_a_header_now_and_then_stays_silent():
    rng = np.random.default_rng(2)
    octets = bytearray(rng.bytes(20_000))
    for at in range(0, len(octets) - 8, 700):  # never the length that the header says
        octets[at : at + 4] = b"\xff\xfb\x90\x64"
    assert played(octets, 1000).sound.pieces == []


def test_a_movie_box_that_lies_is_refused(files):
    file = files["m4a"]
    at = file.index(b"moov")
    body = file[at + 4 : at - 4 + int.from_bytes(file[at - 4 : at], "big")]
    movie = read_movie(body)
    assert (movie.rate, movie.channels) == (44_100, 2) and sum(movie.sizes) > 1000
    for number in range(300):
        rng = np.random.default_rng(number)
        bent = bytearray(body)
        for _ in range(int(rng.integers(1, 12))):
            bent[int(rng.integers(len(bent)))] = int(rng.integers(256))
        try:
            read_movie(bytes(bent[: int(rng.integers(1, len(bent) + 1))]))
        except Mp4Error:
            continue
    for short in range(0, body.index(b"stsz"), 7):
        with pytest.raises(Mp4Error):
            read_movie(body[:short])
