"""The demo's own clip: what is in it, and that it is the same every time."""

import itertools

import av
import numpy as np
import pytest
from settop.errors import LocalError
from testbed.scenario.broadcasts.clip import MIN_BITRATE, make_clip
from testbed.scenario.broadcasts.glyphs import draw_text, text_mask
from testbed.scenario.broadcasts.packetfile import read_packets

SECONDS = 3


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.ts", SECONDS)


def pcr_packets(rows):
    """Packet numbers and 90 kHz values of every PCR."""
    has = (rows[:, 3] & 0x20 != 0) & (rows[:, 4] > 0) & (rows[:, 5] & 0x10 != 0)
    base = rows[has, 6:11].astype(np.int64)
    return np.flatnonzero(has), (base[:, :4] @ [1 << 25, 1 << 17, 1 << 9, 2]) + (base[:, 4] >> 7)


def test_clip_has_a_picture_and_sound_of_its_length(clip):
    with av.open(str(clip.path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, video.width, video.height) == ("h264", 320, 240)
        assert audio.codec_context.name in ("mp2", "mp2float")
        frames = sum(1 for _ in container.decode(video))
    assert frames == SECONDS * clip.frames_per_second
    with av.open(str(clip.path)) as container:
        samples = sum(frame.samples for frame in container.decode(audio=0))
    assert samples == pytest.approx(SECONDS * 48_000, abs=2 * 1152)


def test_key_frames_are_a_second_apart(clip):
    with av.open(str(clip.path)) as container:
        keys = [packet.pts for packet in container.demux(video=0) if packet.is_keyframe and packet.pts]
    assert np.diff(keys).tolist() == [90_000] * (SECONDS - 1)


def test_pcr_is_at_most_40_ms_apart_and_the_rate_is_constant(clip):
    numbers, values = pcr_packets(read_packets(clip.path).rows)
    assert np.diff(values).max() <= 40 * 90
    rates = np.diff(numbers) * 188 * 8 / (np.diff(values) / 90_000)
    assert np.allclose(rates, clip.bitrate, rtol=0.01)


def test_there_are_null_packets_for_others_to_replace(clip):
    assert clip.packets // 10 < clip.null_packets < clip.packets // 2


def test_same_arguments_give_the_same_bytes(clip, tmp_path):
    again = make_clip(tmp_path / "again.ts", SECONDS)
    other = make_clip(tmp_path / "other.ts", SECONDS, seed=2)
    assert again.path.read_bytes() == clip.path.read_bytes()
    assert other.path.read_bytes() != clip.path.read_bytes()


def test_every_second_looks_different(clip):
    with av.open(str(clip.path)) as container:
        middles = [
            frame.to_ndarray(format="rgb24")[60:190, 90:230].astype(int)
            for number, frame in enumerate(container.decode(video=0))
            if number % 25 == 12
        ]
    for one, two in itertools.pairwise(middles):
        assert np.abs(one - two).mean() > 8


@pytest.mark.parametrize("arguments", [{"seconds": 0}, {"seconds": 3601}, {"bitrate": MIN_BITRATE - 1}])
def test_length_or_rate_out_of_range_is_refused(tmp_path, arguments):
    with pytest.raises(LocalError):
        make_clip(tmp_path / "no.ts", **arguments)
    assert not (tmp_path / "no.ts").exists()


def test_glyphs_scale_and_differ():
    assert text_mask("01", 3).shape == (21, 33)
    masks = {text_mask(sign, 1).tobytes() for sign in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
    assert len(masks) == 36


def test_text_that_does_not_fit_is_cut():
    image = np.zeros((10, 20, 3), dtype=np.uint8)
    draw_text(image, "WIDE WORDS", 10, 5, 2, (255, 255, 255))
    assert image.any()
