"""Packing a title: what is encrypted and what not, what stays as it was, what is said in clear, and what is refused."""

import io
import os
import signal
import tracemalloc
import wave
from bisect import bisect_right
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest
from headend.stopping import Stopped, stoppable
from headend.titles.adpcm import sample_entry
from headend.titles.auxiliary import works
from headend.titles.boxes import File
from headend.titles.extras import read_extras, read_purchaser
from headend.titles.fragment_index import FragmentIndex
from headend.titles.keys import Keys
from headend.titles.opening import find_movie, unpack
from headend.titles.packer import lock_of, pack
from headend.titles.protection import CBCS, CENC, NONE
from headend.titles.samples import fragment_samples
from headend.titles.slices import CLEAR_LEAD
from settop.errors import LocalError, RemoteError

from tests.helpers.tunes import KEY, KID, Steady, Target, packed, packets, stored, tune

LOCKS = [(CENC, "8"), (CENC, "16"), (CBCS, "constant"), (CBCS, "16")]
locks = pytest.mark.parametrize(("scheme", "iv"), LOCKS)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


def movie_of(path):
    with File(path) as file:
        return find_movie(file)


def opened(path, target, keys=None):
    with Target(target) as output:
        result = unpack(path, output, keys or Keys({KID: KEY}))
    return result


@pytest.mark.parametrize(
    "name",
    [
        "aac",
        "mp3",
        "pcm",
        "adpcm",
        "flac",
        "film",
        "film_mp3",
        "film_slices",
        "film_mkv",
        "film_ts",
        "film_hevc",
        "silent_film",
    ],
)
def test_packets_go_in_as_they_are(name, tmp_path):
    made = packed(tune(name), tmp_path / "title.mp4", NONE)
    if name == "film_ts":  # its packets have headers of their own, and its NAL units start codes
        assert [len(one) for _, one in packets(made)] == [len(one) for _, one in packets(tune(name))]
    else:
        assert packets(made) == packets(tune(name))


@locks
@pytest.mark.parametrize("name", ["aac", "mp3", "pcm", "adpcm", "flac", "film_mp3", "film_slices", "film_hevc"])
def test_what_was_packed_is_opened_by_us_and_by_ffmpeg(name, scheme, iv, tmp_path):
    made = packed(tune(name), tmp_path / "title.mp4", scheme, iv)
    result = opened(made, tmp_path / "clear.mp4")
    clear = packets(packed(tune(name), tmp_path / "never.mp4", NONE))
    assert packets(tmp_path / "clear.mp4") == clear
    assert packets(made, KEY) == clear
    assert result.decrypted == sum(len(one) for _, one in clear) and not result.clear


def both(name, folder, scheme, iv=None):
    """(clear sample, encrypted sample) of all tracks."""
    clear = stored(packed(tune(name), folder / "clear.mp4", NONE))
    hidden = stored(packed(tune(name), folder / "title.mp4", scheme, iv))
    for own, other in zip(clear, hidden, strict=True):
        yield from zip(own, other, strict=True)


def differing(one, other):
    """Where octets are not the same."""
    assert len(one) == len(other)
    return np.flatnonzero(np.frombuffer(one, np.uint8) != np.frombuffer(other, np.uint8))


def test_counter_mode_hides_sound_whole(tmp_path):
    equal = total = 0
    for clear, hidden in both("mp3", tmp_path, CENC):
        equal += len(clear) - len(differing(clear, hidden))
        total += len(clear)
    assert equal < total / 128  # as chance has it: one octet in 256


def test_chained_blocks_hide_sound_but_for_a_last_part_of_one(tmp_path):
    for clear, hidden in both("mp3", tmp_path, CBCS):
        blocks = set((differing(clear, hidden) // 16).tolist())
        assert blocks == set(range(len(clear) // 16))


def slices_of(sample):
    """(start, length) of the parts of NAL units that may be encrypted, in H.264 of four octets' lengths."""
    at = 0
    while at < len(sample):
        length = int.from_bytes(sample[at : at + 4], "big")
        if sample[at + 4] & 31 in (1, 5) and length > CLEAR_LEAD:
            yield at + 4 + CLEAR_LEAD, length - CLEAR_LEAD
        at += 4 + length


def test_the_pattern_hides_one_block_of_ten_of_each_slice(tmp_path):
    for clear, hidden in both("film_slices", tmp_path, CBCS):
        if clear[:3] != bytes(3):
            continue  # sound
        expected = set()
        for start, length in slices_of(clear):
            expected |= {(start + 16 * number, number) for number in range(0, length // 16, 10)}
        places = differing(clear, hidden).tolist()
        starts = sorted(start for start, _ in expected)
        seen = {starts[bisect_right(starts, place) - 1] for place in places} if places else set()
        assert seen == set(starts)
        assert all(0 <= place - starts[bisect_right(starts, place) - 1] < 16 for place in places)


def test_counter_mode_hides_slices_in_whole_blocks_behind_their_lead(tmp_path):
    for clear, hidden in both("film_slices", tmp_path, CENC):
        if clear[:3] == bytes(3):
            may = np.zeros(len(clear), bool)
            for start, length in slices_of(clear):
                may[start + length % 16 : start + length] = True
            places = differing(clear, hidden)
            assert may[places].all() and len(places) > 0.98 * may.sum() - 2


def test_no_iv_comes_twice(tmp_path):
    eight = _ivs(packed(tune("film"), tmp_path / "title.mp4", CENC, "8"))
    assert len({iv for iv, _ in eight}) == len(eight) > 200
    # Sixteen octets are the first counter of a sample: those that follow are its own, too.
    sixteen = _ivs(packed(tune("film"), tmp_path / "title.mp4", CENC, "16"))
    counters = sorted((int.from_bytes(iv, "big"), -(-size // 16)) for iv, size in sixteen)
    assert all(first + blocks <= second for (first, blocks), (second, _) in pairwise(counters))


def _ivs(path):
    movie = movie_of(path)
    found = []
    with File(path) as file:
        for box in file.tops():
            if box.kind == b"moof":
                for samples in fragment_samples(file.read(box.start, box.size), box.start, movie.tracks):
                    found += [(work.iv, sum(size for _, size in work.ranges)) for _, work in works(samples, file.read)]
    return found


def test_the_header_says_whether_and_how_it_is_encrypted(tmp_path):
    clear = movie_of(packed(tune("film"), tmp_path / "clear.mp4", NONE))
    assert not clear.is_protected
    for scheme, iv in LOCKS:
        for track in movie_of(packed(tune("film"), tmp_path / "title.mp4", scheme, iv)).tracks.values():
            protection = track.protection(1)
            assert protection.scheme == scheme and protection.kid == KID
            assert protection.iv_bytes == {"8": 8, "16": 16, "constant": 0}[iv]
            pattern = (1, 9) if scheme == CBCS and track.handler == b"vide" else (0, 0)
            assert (protection.crypt, protection.skip) == pattern


def test_extras_and_purchaser_are_read_from_every_copy(tmp_path):
    extras = {
        "lyrics": "là là".encode(),
        "cover": PNG,
        "composer": b"Nobody",
        "score": b"\x00\xff" * 50,
        "tour": b"May",
    }
    for scheme in (CENC, CBCS, NONE):
        made = packed(tune("aac"), tmp_path / "title.mp4", scheme, extras=extras, purchaser=123456789012)
        copies = [made]
        if scheme != NONE:
            opened(made, tmp_path / "clear.mp4")
            copies.append(tmp_path / "clear.mp4")
        for copy in copies:
            movie = movie_of(copy)
            assert read_extras(movie) == {"title": b"A tune", **extras}
            assert read_purchaser(movie) == 123456789012
            with av.open(copy) as seen:
                assert seen.metadata["purchaser"] == "123456789012" and seen.metadata["lyrics"] == "là là"
                assert seen.metadata["composer"] == "Nobody" and seen.metadata["title"] == "A tune"


def times(path):
    """When each packet is shown, in ms from the first, by stream."""
    with av.open(path) as source:
        found = {stream.index: [] for stream in source.streams}
        for packet in source.demux():
            if packet.size:
                found[packet.stream.index].append(float(packet.pts * packet.time_base))
    first = min(min(one) for one in found.values())
    return [[round((each - first) * 1000) for each in one] for one in found.values()]


def test_pictures_of_which_matroska_does_not_say_when_they_are_decoded_keep_their_times(tmp_path):
    source = tune("film_mkv")
    with av.open(source) as seen:
        assert any(packet.dts is None for packet in seen.demux() if packet.size)
    made = packed(source, tmp_path / "title.mp4", NONE)
    assert packets(made) == packets(source)
    for own, other in zip(times(made), times(source), strict=True):
        assert max(abs(one - two) for one, two in zip(own, other, strict=True)) <= 1
    with av.open(made) as seen:
        decoded = [packet.dts for packet in seen.demux(seen.streams.video[0]) if packet.size]
    assert decoded == sorted(set(decoded))


def test_a_stream_without_any_times_is_refused_with_a_remedy(tmp_path):
    bare = tmp_path / "film.h264"
    with av.open(tune("silent_film")) as source, av.open(bare, "w", format="h264") as target:
        stream = target.add_stream_from_template(source.streams[0])
        annex_b = av.bitstream.BitStreamFilterContext("h264_mp4toannexb", source.streams[0])
        for packet in source.demux():
            for one in annex_b.filter(packet) if packet.size else ():
                one.stream = stream
                target.mux(one)
    with pytest.raises(RemoteError, match="its packets have no times; ffmpeg"):
        packed(bare, tmp_path / "title.mp4", NONE)


def png():
    context = av.CodecContext.create("png", "w")
    context.width, context.height, context.pix_fmt, context.time_base = 16, 16, "rgb24", Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(np.full((16, 16, 3), 200, np.uint8), format="rgb24")
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


def test_what_the_input_brings_comes_along_unless_something_else_is_given(tmp_path):
    brought = packed(tune("mp3"), tmp_path / "one.mp4", NONE, extras={"cover": png(), "lyrics": b"la"}, purchaser=5)
    found = read_extras(movie_of(packed(brought, tmp_path / "two.mp4", CENC)))
    assert found == {"title": b"A tune", "cover": png(), "lyrics": b"la"}
    assert read_purchaser(movie_of(tmp_path / "two.mp4")) is None  # who buys it anew is another
    other = packed(brought, tmp_path / "two.mp4", CENC, extras={"cover": PNG, "title": b"Another"})
    assert read_extras(movie_of(other)) == {"title": b"Another", "cover": PNG, "lyrics": b"la"}


@locks
def test_what_is_encrypted_already_is_refused(scheme, iv, tmp_path):
    made = packed(tune("film"), tmp_path / "title.mp4", scheme, iv)
    with pytest.raises(RemoteError, match="is encrypted already: open it first"):
        packed(made, tmp_path / "twice.mp4", CENC)


def test_a_clear_title_whose_extras_are_no_text_is_packed_again(tmp_path):
    clear = packed(tune("aac"), tmp_path / "clear.mp4", NONE, extras={"score": b"\xff\xfe" * 50})
    assert read_extras(movie_of(packed(clear, tmp_path / "again.mp4", CENC))) == {"title": b"A tune"}


def test_a_title_without_extras_has_none(tmp_path):
    movie = movie_of(packed(tune("aac"), tmp_path / "title.mp4", CENC))
    assert read_extras(movie) == {"title": b"A tune"} and read_purchaser(movie) is None


@pytest.mark.parametrize(
    ("extras", "purchaser", "says"),
    [
        ({"cover": b"GIF89a"}, None, "JPEG or PNG"),
        ({"lyrics": b"\xff"}, None, "UTF-8"),
        ({"purchaser": b"1"}, None, "--purchaser"),
        ({"": b"1"}, None, "named by"),
        ({}, -1, "64 bits"),
        ({}, 1 << 64, "64 bits"),
    ],
)
def test_what_is_no_extra_is_refused_before_anything_is_read(extras, purchaser, says, tmp_path):
    with pytest.raises(LocalError, match=says):
        pack(tmp_path / "missing", io.BytesIO(), None, extras, purchaser)


@pytest.mark.parametrize(
    ("scheme", "key", "kid", "iv", "says"),
    [
        ("cens", KEY, KID, None, "no scheme"),
        (NONE, KEY, None, None, "no key"),
        (CENC, None, KID, None, "needs a key"),
        (CENC, KEY[:15], KID, None, "16 bytes, not 15"),
        (CENC, KEY, KID[:8], None, "16 bytes, not 8"),
        (CENC, KEY, KID, "constant", "takes IVs of 8 or 16"),
        (CBCS, KEY, KID, "8", "takes IVs of constant or 16"),
        (CBCS, KEY, KID, "7", "no IV '7'"),
    ],
)
def test_locks_that_do_not_fit_are_refused(scheme, key, kid, iv, says):
    with pytest.raises(LocalError, match=says) as caught:
        lock_of(scheme, key, kid, iv)
    assert KEY.hex() not in str(caught.value)


def test_the_same_octets_for_ivs_give_the_same_title(tmp_path):
    first = packed(tune("film"), tmp_path / "one.mp4", CENC).read_bytes()
    assert packed(tune("film"), tmp_path / "two.mp4", CENC).read_bytes() == first
    with Target(tmp_path / "three.mp4") as output:
        pack(tune("film"), output, lock_of(CENC, KEY, KID, None), random=Steady(b"another"))
    assert (tmp_path / "three.mp4").read_bytes() != first


@pytest.mark.parametrize(("name", "codecs"), [("vp9", ["h264", "opus"]), ("adpcm_ms", ["aac"])])
def test_what_has_no_place_is_transcoded(name, codecs, tmp_path):
    made = packed(tune(name), tmp_path / "title.mp4", CENC)
    with av.open(made) as seen:
        assert [stream.codec_context.codec.canonical_name for stream in seen.streams] == codecs
    with av.open(made, options={"decryption_key": KEY.hex()}) as seen:
        assert sum(1 for _ in seen.decode(seen.streams[0])) >= 70
    opened(made, tmp_path / "clear.mp4")
    assert packets(tmp_path / "clear.mp4") == packets(made, KEY)


@pytest.mark.parametrize(("rate", "layout"), [(8_000, "mono"), (11_025, "stereo"), (48_000, "stereo")])
def test_adpcm_of_any_rate_is_heard_as_in_its_file(rate, layout, tmp_path):
    source = tmp_path / "sound.wav"
    channels = 2 if layout == "stereo" else 1
    with av.open(source, "w") as target:
        stream = target.add_stream("adpcm_ima_wav", rate=rate, layout=layout)
        noise = np.random.default_rng(2).integers(-9000, 9000, (channels, 2 * rate), np.int16)
        frame = av.AudioFrame.from_ndarray(noise, format="s16p", layout=layout)
        frame.sample_rate, frame.pts = rate, 0
        target.mux(stream.encode(frame))
        target.mux(stream.encode(None))

    def heard(path, options):
        with av.open(path, options=options) as seen:
            stream = seen.streams[0]
            assert (stream.codec_context.sample_rate, stream.codec_context.layout.nb_channels) == (rate, channels)
            return np.concatenate([one.to_ndarray() for one in seen.decode(stream)], 1)

    made = packed(source, tmp_path / "title.mp4", CBCS)
    assert np.array_equal(heard(made, {"decryption_key": KEY.hex()}), heard(source, {}))


def test_stereo_whose_places_the_file_leaves_open_is_packed(tmp_path):
    samples = np.arange(16_000, dtype=np.int16).tobytes()
    with wave.open(str(tmp_path / "tune.wav"), "wb") as file:
        file.setparams((2, 2, 8_000, 0, "NONE", ""))
        file.writeframes(samples)
    title = packed(tmp_path / "tune.wav", tmp_path / "title.mp4", NONE)
    assert b"".join(stored(title)[0]) == samples


def test_adpcms_entry_is_as_quicktime_has_it():
    """A fixed vector; its WAVE header is that of a mono file of 44,100 Hz with blocks of 1,024 octets."""
    made = sample_entry(2041, 1, 44_100)
    assert made.hex() == (
        "0000006c6d73001100000000000000010001000000000000"
        "00010004fffe0000ac440000"
        "000007f9000004000000040000000002"
        "00000038776176650000000c66726d616d730011"
        "0000001c6d7300111100010044ac00006d560000000404000200f907"
        "0000000800000000"
    )


@pytest.mark.parametrize(
    ("block", "channels", "rate"), [(0, 1, 8000), (1, 1, 8000), (2041, 3, 8000), (2041, 1, 96_000)]
)
def test_adpcm_that_no_entry_has_room_for_is_refused(block, channels, rate):
    with pytest.raises(RemoteError, match="IMA ADPCM of"):
        sample_entry(block, channels, rate)


@pytest.mark.parametrize("scheme", [CENC, CBCS])
def test_pictures_of_more_slices_than_saiz_can_say_are_packed(scheme, tmp_path):
    made = packed(tune("film_many_slices", 1.0), tmp_path / "title.mp4", scheme, "16")
    assert b"saiz" not in made.read_bytes()
    clear = packets(packed(tune("film_many_slices", 1.0), tmp_path / "clear.mp4", NONE))
    assert packets(made, KEY) == clear
    opened(made, tmp_path / "opened.mp4")
    assert packets(tmp_path / "opened.mp4") == clear


def test_what_is_no_media_is_refused(tmp_path):
    (tmp_path / "text").write_text("no media at all\n" * 100)
    with pytest.raises(RemoteError, match="FFmpeg cannot read it"):
        pack(tmp_path / "text", io.BytesIO(), None)
    with pytest.raises(FileNotFoundError):
        pack(tmp_path / "missing", io.BytesIO(), None)


def test_what_the_output_raises_comes_through(tmp_path):
    class Full:
        def write(self, data):
            raise OSError(28, "No space left on device")

        rewrite = write

    with pytest.raises(OSError, match="No space"):
        pack(tune("film"), Full(), None)


def test_who_ends_it_from_outside_is_heard_where_ffmpeg_would_not(tmp_path, capfd):
    """The signal comes while FFmpeg calls back, which prints an exception and forgets it."""

    class Ending(Target):
        written = 0

        def write(self, data):
            super().write(data)
            self.written += 1
            if self.written == 4:
                os.kill(os.getpid(), signal.SIGTERM)

    with stoppable(), Ending(tmp_path / "title.mp4") as output, pytest.raises(Stopped):
        pack(tune("film", 60.0), output, None)
    assert output.written < 200 and capfd.readouterr().err == ""


def test_fragments_are_indexed_where_they_begin(tmp_path):
    made = packed(tune("film"), tmp_path / "title.mp4", CENC)
    with File(made) as file:
        tops = list(file.tops())
        kinds = [box.kind for box in tops]
        assert kinds == [b"ftyp", b"moov", b"sidx", b"free", *[b"moof", b"mdat"] * 3]
        index = file.read(tops[2].start, tops[2].size)
    entries = [index[at : at + 12] for at in range(40, len(index), 12)]
    sizes = [int.from_bytes(entry[:4], "big") for entry in entries]
    assert sizes == [tops[at].size + tops[at + 1].size for at in (4, 6, 8)]
    assert [entry[8] for entry in entries] == [0x90] * 3
    assert sum(int.from_bytes(entry[4:8], "big") for entry in entries) / int.from_bytes(index[16:20], "big") == 3


def test_more_fragments_than_expected_share_entries(tmp_path):
    made = packed(tune("aac"), tmp_path / "all.mp4", CENC, fragment_s=0.1)
    movie = movie_of(made)
    with File(made) as file:
        moofs = [box for box in file.tops() if box.kind == b"moof"]
        fragments = [fragment_samples(file.read(box.start, box.size), box.start, movie.tracks) for box in moofs]
    for most in (1, 2, 3, 7, 8):
        index = FragmentIndex(most)
        index.track = movie.tracks[1]
        room = index.room()
        total = 0
        for number, found in enumerate(fragments):
            index.note(found, 100 + number)
            total += 100 + number
        boxes_made = index.boxes()
        assert len(boxes_made) == len(room)
        count = int.from_bytes(boxes_made[38:40], "big")
        entries = [boxes_made[at : at + 12] for at in range(40, 40 + 12 * count, 12)]
        assert most / 2 <= count <= most
        assert sum(int.from_bytes(entry[:4], "big") for entry in entries) == total


def test_memory_is_flat_in_length(tmp_path):
    peaks = []
    for seconds in (5.0, 60.0):
        source = tune("film", seconds)
        with Target(tmp_path / "title.mp4") as output:
            tracemalloc.start()
            pack(source, output, lock_of(CENC, KEY, KID, None))
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        with Target(tmp_path / "clear.mp4") as output:
            tracemalloc.start()
            unpack(tmp_path / "title.mp4", output, Keys({KID: KEY}))
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[2] < 1.5 * peaks[0] + (1 << 20) and peaks[3] < 1.5 * peaks[1] + (1 << 20)
