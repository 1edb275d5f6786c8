"""MP3 files of which every tenth octet is encrypted: played as they were, whatever the pieces, and nothing noisy."""

import sys

from codec_rig import Sink
from kit import raises
from settop.crypto.aes import aes_ecb
from settop.errors import RemoteError
from settop.titles import tenth_kernels_plain
from settop.titles.tenth import PORTION_BYTES, TenthReader
from settop.wire.tenth import LABEL, frame_bytes

KERNELS = [tenth_kernels_plain]
if sys.implementation.name == "micropython":
    from settop.titles import tenth_kernels_viper

    KERNELS.append(tenth_kernels_viper)

KEY = bytes(range(7, 23))
# 128 kbit/s, the same with an octet more, 320 kbit/s of 44,100 Hz; 8 kbit/s of 24,000 Hz.
HEADERS = (b"\xff\xfb\x90\x00", b"\xff\xfb\x92\x00", b"\xff\xfb\xe0\x00", b"\xff\xf3\x14\x00")
ID3 = b"ID3\x04\x00\x00\x00\x00\x02\x05" + b"\x33" * 261


def octets(count, seed):
    return bytes([(i * i * 37 + i * seed + seed) >> 3 & 0xFF for i in range(count)])


def frames(count):
    made = []
    for number in range(count):
        header = HEADERS[number * 7 % 4]
        made.append(header + octets(frame_bytes(header) - 4, number))
    return made


def hidden(clear, spares):
    """The frames with every tenth of their octets changed, by definition (docs/titles.md); how many count, and are."""
    cipher, stream = aes_ecb(KEY), b""
    made = bytearray(b"".join(clear))
    at = counted = changed = 0
    for frame in clear:
        for place in range(at + (4 if spares else 0), at + len(frame)):
            if not counted % 10:
                if not changed % 16:
                    stream = cipher.encrypt(LABEL + (changed // 16).to_bytes(8, "big"))
                made[place] = made[place] + stream[changed % 16] % 255 + 1 & 0xFF
                changed += 1
            counted += 1
        at += len(frame)
    return bytes(made), counted, changed


def play(file, spares, step, most=None):
    sink = Sink(most)
    reader = TenthReader(bytearray(KEY), sink, spares)
    at = 0
    while at < len(file):
        taken = reader.feed(file, at, min(len(file), at + step))
        at += taken
    while not reader.flush():
        pass
    reader.finish()
    return bytes(sink.data), reader


def test_kernels_shift_every_tenth_octet_back_and_nothing_else():
    for kernels in KERNELS:
        buffer, stream = bytearray(octets(64, 3)), bytes((0, 1, 253, 254, 255, 7, 8, 9))
        place = [3, 1]
        if sys.implementation.name == "micropython":
            from array import array

            place = array("I", place)
        before = bytes(buffer)
        kernels.unshift(buffer, stream, place, 5 | 50 << 16)
        wanted = bytearray(before)
        for at, shift in ((8, 2), (18, 254), (28, 255), (38, 1), (48, 8)):
            wanted[at] = before[at] - shift & 0xFF
        assert buffer == wanted and list(place) == [8, 6], kernels.__name__


def test_a_file_comes_out_as_it_was_whatever_the_pieces():
    clear = frames(12)
    whole = b"".join(clear)
    for spares in (False, True):
        file, counted, changed = hidden(clear, spares)
        differing = sum([one != other for one, other in zip(file, whole)])
        assert differing == changed == -(-counted // 10)
        for step in (1, 7, 418, 512, 5000):
            heard, reader = play(ID3 + file + b"TAG" + bytes(125), spares, step)
            assert heard == whole and reader.frames == 12, (spares, step)


def test_a_sink_without_room_loses_nothing():
    clear = frames(9)
    file = hidden(clear, True)[0]
    assert play(file, True, 512, most=33)[0] == b"".join(clear)


def test_tags_behind_the_frames_are_passed_over():
    clear = frames(3)
    for spares in (False, True):
        file = hidden(clear, spares)[0]
        for tag in (b"TAG" + bytes(125), b"APETAGEX" + bytes(24)):
            assert play(file + tag, spares, 100)[0] == b"".join(clear)


def test_under_another_key_nothing_is_put_out_where_headers_are_shifted_too():
    sink = Sink()
    reader = TenthReader(bytearray(16), sink)
    with raises(RemoteError) as caught:
        reader.feed(hidden(frames(3), False)[0])
    assert "under another key" in str(caught.value) and not sink.data
    with raises(RemoteError) as again:
        reader.feed(b"more")
    assert str(again.value) == str(caught.value)


def test_what_was_good_before_damage_is_put_out():
    clear = frames(4)
    for spares in (False, True):
        sink = Sink()
        reader = TenthReader(bytearray(KEY), sink, spares)
        with raises(RemoteError) as caught:
            reader.feed(hidden(clear, spares)[0] + b"\0\0\0\0 no frame")
        assert "frame 4 is no frame" in str(caught.value)
        assert bytes(sink.data) == b"".join(clear)


def test_a_file_that_is_cut_or_empty_says_so():
    file = hidden(frames(3), True)[0]
    for cut, words in ((0, "no frame"), (2, "no frame"), (len(file) - 1, "middle"), (len(file) - 30, "middle")):
        reader = TenthReader(bytearray(KEY), Sink(), True)
        reader.feed(file[:cut])
        with raises(RemoteError) as caught:
            reader.finish()
        assert words in str(caught.value), cut


def test_keys_are_wiped_and_what_was_closed_holds_nothing():
    key = bytearray(KEY)
    sink = Sink(room=0)
    reader = TenthReader(key, sink, True)
    assert key == bytes(16)
    reader.feed(hidden(frames(1), True)[0])
    reader.close()
    reader.close()
    assert reader._buffer == bytes(PORTION_BYTES) and not any(reader._stream)
    with raises(RemoteError):
        reader.feed(b"more")


def test_frames_say_their_length_and_what_is_none_says_nothing():
    assert [frame_bytes(header) for header in HEADERS] == [417, 418, 1044, 24]
    for wrong in (b"", b"\xff\xfb\x90", b"\xfe\xfb\x90\0", b"\xff\xfb\x00\0", b"\xff\xfb\xf0\0", b"\xff\xfb\x9c\0"):
        assert frame_bytes(wrong) == 0
    assert frame_bytes(b"\xff\xeb\x90\0") == frame_bytes(b"\xff\xfd\x90\0") == 0  # no such version; layer II
