"""Pictures out of stretches of a stream, whole, cut and scrambled."""

import random

import av
import pytest
from testbed.scenario.broadcasts.clip import make_clip
from testbed.scenario.broadcasts.packetfile import read_packets
from testbed.scenario.broadcasts.pictures import Stretch, dark_card, frame_at, stretch_pictures


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.ts", 4)


def scrambled(rows):
    rows = rows.copy()
    pids = (rows[:, 1].astype(int) & 0x1F) << 8 | rows[:, 2]
    hit = (pids == 0x100) | (pids == 0x101)
    rows[hit, 3] |= 0x80
    rows[hit, 20:] ^= 0x5A
    return rows


def size_of(picture):
    codec = {"image/jpeg": "mjpeg", "image/png": "png"}[picture.mime]
    [frame] = av.CodecContext.create(codec, "r").decode(av.Packet(picture.data))
    return frame.width, frame.height


def test_clear_stretch_gives_a_picture(clip):
    picture = frame_at(clip.path.read_bytes())
    assert picture.decoded
    assert size_of(picture) == (320, 240)


def test_scrambled_stretch_gives_none(clip):
    assert frame_at(scrambled(read_packets(clip.path).rows).tobytes()) is None


def test_stretch_without_psi_of_its_own_takes_what_went_before(clip):
    rows = read_packets(clip.path).rows
    pids = (rows[:, 1].astype(int) & 0x1F) << 8 | rows[:, 2]
    first = clip.packets // 2
    keep = (pids == 0x100) | (pids == 0x101)
    keep[:first] = True
    cut = rows[keep]
    path = clip.path.with_name("cut.ts")
    path.write_bytes(cut.tobytes())
    [picture] = stretch_pictures(path, [Stretch(first, len(cut) - first, False, "DARK")])
    assert picture.decoded


def test_stretch_without_a_key_frame_is_seen_only_with_what_went_before(clip):
    # The second half of a second: its key frame lies in the first half.
    first, middle, end = (clip.packets * eighth // 8 for eighth in (4, 5, 6))
    alone = [Stretch(first, middle - first, False, "DARK"), Stretch(middle, end - middle, False, "DARK")]
    after = [alone[0], Stretch(middle, end - middle, True, "DARK")]
    assert [picture.decoded for picture in stretch_pictures(clip.path, alone)] == [True, False]
    assert [picture.decoded for picture in stretch_pictures(clip.path, after)] == [True, True]


def test_picture_is_the_same_every_time(clip):
    data = clip.path.read_bytes()
    assert frame_at(data) == frame_at(data)


def test_dark_card_is_a_small_png_and_says_its_line():
    card = dark_card("NO KEY")
    assert not card.decoded
    assert size_of(card) == (320, 240)
    assert len(card.data) < 5000
    assert card != dark_card("SCRAMBLED")


def test_empty_stretch_gives_a_dark_card(clip):
    [picture] = stretch_pictures(clip.path, [Stretch(0, 0, True, "DARK")])
    assert not picture.decoded


def test_damaged_bytes_never_raise(clip):
    rng = random.Random(3)
    whole = clip.path.read_bytes()
    for _ in range(25):
        start = rng.randrange(len(whole) // 2)
        data = bytearray(whole[start : start + rng.randrange(60_000)])
        for _ in range(rng.randrange(200)):
            if data:
                data[rng.randrange(len(data))] = rng.randrange(256)
        frame_at(bytes(data), rng.randrange(5000))
    for size in (0, 1, 188, 5000):
        assert frame_at(rng.randbytes(size)) is None


def test_decoders_say_nothing(clip, capfd):
    frame_at(scrambled(read_packets(clip.path).rows).tobytes())
    frame_at(clip.path.read_bytes()[90_000:])
    assert capfd.readouterr() == ("", "")
