"""Every tenth octet: which are changed, that all of them are, and that they come back."""

import math

import av
import numpy as np
import pytest
from headend.titles import tenth as module
from headend.titles.tenth import TenthCipher, frame_bytes, tenth
from settop.errors import LocalError, RemoteError

from tests.helpers.tunes import KEY, tune

ID3V1 = b"TAG" + bytes(125)


def id3v2(size):
    return b"ID3\x04\x00\x00" + bytes((size >> 21, size >> 14 & 127, size >> 7 & 127, size & 127)) + b"\x55" * size


def bare():
    """The frames of a tune, without tags."""
    data = tune("mp3").read_bytes()
    start = 10 + (data[6] << 21 | data[7] << 14 | data[8] << 7 | data[9]) if data[:3] == b"ID3" else 0
    return data[start:]


def headers(frames):
    found, at = [], 0
    while at < len(frames):
        found.append(at)
        at += frame_bytes(frames[at : at + 4], at)
    return found


def done(folder, data, **how):
    source, out = folder / "in.mp3", []
    source.write_bytes(data)
    result = tenth(source, out.append, KEY, **how)
    return result, b"".join(out)


@pytest.mark.parametrize("cut", [0, 1, 7, 9, 10, 11])
def test_of_n_octets_a_tenth_rounded_up_are_changed_and_they_are_the_tenths(cut, tmp_path):
    frames = bare()[: len(bare()) - cut]
    result, made = done(tmp_path, id3v2(300) + frames + ID3V1)
    assert len(made) == 310 + len(frames) + 128
    places = np.flatnonzero(np.frombuffer(made, np.uint8) != np.frombuffer(id3v2(300) + frames + ID3V1, np.uint8))
    assert places.tolist() == list(range(310, 310 + len(frames), 10))
    assert result.counted == len(frames) and result.changed == len(places) == math.ceil(len(frames) / 10)


def test_spared_headers_stay_and_do_not_count(tmp_path):
    frames = bare()
    starts = headers(frames)
    result, made = done(tmp_path, frames, spare_headers=True)
    spared = {start + octet for start in starts for octet in range(4)}
    counted = [place for place in range(len(frames)) if place not in spared]
    places = np.flatnonzero(np.frombuffer(made, np.uint8) != np.frombuffer(frames, np.uint8))
    assert places.tolist() == counted[::10]
    assert result.frames == len(starts) and result.counted == len(frames) - 4 * len(starts)
    assert result.changed == math.ceil(result.counted / 10)


@pytest.mark.parametrize("spare", [False, True])
@pytest.mark.parametrize("window", [4096, 5000, 1 << 20])
def test_it_comes_back_and_windows_do_not_matter(spare, window, tmp_path, monkeypatch):
    data = id3v2(50) + bare()[:-13] + ID3V1
    _, whole = done(tmp_path, data, spare_headers=spare)
    monkeypatch.setattr(module, "_WINDOW_BYTES", window)
    result, made = done(tmp_path, data, spare_headers=spare)
    assert made == whole != data
    back, undone = done(tmp_path, made, spare_headers=spare, undo=True)
    assert undone == data and back == result


def test_every_value_is_shifted_by_one_to_255():
    cipher = TenthCipher(KEY)
    data = np.arange(200_000).astype(np.uint8)
    was = data.copy()
    cipher.work(data)
    shift = (data[::10] - was[::10]).astype(np.uint8)
    assert set(shift.tolist()) == set(range(1, 256))


def test_a_fixed_vector(tmp_path):
    """Of the first 320 octets the shifts, by AES of (`tenth 1`, 0, block number) under 40..4f hex, plus one after
    modulo 255.
    """
    from Crypto.Cipher import AES

    ecb = AES.new(bytes(range(0x40, 0x50)), AES.MODE_ECB)
    stream = ecb.encrypt(b"tenth 1\x00" + bytes(8)) + ecb.encrypt(b"tenth 1\x00" + bytes(7) + b"\x01")
    data = np.zeros(320, np.uint8)
    TenthCipher(KEY).work(data)
    assert data[::10].tolist() == [octet % 255 + 1 for octet in stream]
    assert data[:100:10].tobytes().hex() == FIXED


FIXED = "d824fe40830b220d7281"


def test_with_spared_headers_players_find_every_frame(tmp_path):
    frames = bare()
    _, made = done(tmp_path, frames, spare_headers=True)
    (tmp_path / "weak.mp3").write_bytes(made)
    with av.open(tmp_path / "weak.mp3") as seen:
        assert [packet.size for packet in seen.demux() if packet.size] == [
            packet.size for packet in av.open(tune("mp3")).demux() if packet.size
        ]


@pytest.mark.parametrize(
    ("header", "octets"),
    [("fffb9064", 417), ("fffb9264", 418), ("fffbe0c4", 1044), ("fff340c4", 104), ("ffe318c4", 72), ("fffb14c4", 96)],
)
def test_frame_lengths_are_those_of_the_standard(header, octets):
    assert frame_bytes(bytes.fromhex(header), 0) == octets


@pytest.mark.parametrize(
    "header", ["fffb0064", "fffbf064", "fffb9c64", "ffeb9064", "fff99064", "fffd9064", "7ffb9064", "fffb90", ""]
)
def test_headers_that_say_no_length_are_refused(header):
    with pytest.raises(RemoteError, match="no MP3 frame of a stated length begins at byte 17"):
        frame_bytes(bytes.fromhex(header), 17)


@pytest.mark.parametrize(
    "data", [b"", b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f", ID3V1, b"no frames at all", id3v2(4) + b"xxxx" * 50]
)
def test_what_is_no_mp3_is_refused(data, tmp_path):
    with pytest.raises(RemoteError):
        done(tmp_path, data)


def test_frames_with_something_between_them_are_refused_where_headers_are_spared(tmp_path):
    frames = bare()
    starts = headers(frames)
    with pytest.raises(RemoteError, match=f"begins at byte {starts[20]}"):
        done(tmp_path, frames[: starts[20]] + b"junk" + frames[starts[20] :], spare_headers=True)


def test_a_key_of_another_length_is_refused():
    with pytest.raises(LocalError, match="16 bytes, not 15"):
        TenthCipher(KEY[1:])
