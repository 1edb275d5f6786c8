"""Which unit a codec's name leads to, and what each puts in front of a title's samples."""

import sys

from codec_rig import Sink, play
from kit import HEX, raises
from settop.codec import units
from settop.codec.wav import head
from settop.errors import LocalError, RemoteError


def test_mp3_goes_through_as_it_is():
    for name in ("mp4a.6B", "mp4a.6b", "mp4a.69", "MP4A.40.34"):
        sink = Sink(7)
        one = units.make(name, sink, 44100, 2)
        play(one, b"\xff\xfb" + b"x" * 100, 9)
        play(one, b"second")
        assert bytes(sink.data) == b"\xff\xfb" + b"x" * 100 + b"second"


def test_aac_gets_a_header_of_adts_in_front_of_each_sample():
    # AudioSpecificConfig: low complexity, 44,100 Hz, two channels; 7 + 256 octets.
    one = units.make("mp4a.40.2", sink := Sink(3), 44100, 2, HEX("1210"))
    play(one, bytes(256), 50)
    play(one, b"\x01")
    assert bytes(sink.data[:7]) == HEX("fff150 80 20ff fc")
    assert bytes(sink.data[7 : 7 + 256]) == bytes(256)
    assert bytes(sink.data[263:]) == HEX("fff150 80 011ffc 01")


def test_aac_without_a_configuration_goes_by_the_rate():
    one = units.make("mp4a.67", sink := Sink(), 8000, 1)
    play(one, b"ab")
    assert bytes(sink.data) == HEX("fff16c 40 013ffc") + b"ab"
    with raises(RemoteError):
        units.make("mp4a.67", Sink(), 44101, 1)


def test_aac_that_the_chip_does_not_read_is_refused():
    for extra in ("0a10", "1690", "1200", "1238", "f8"):  # main profile, index 13, no channels, seven; too short
        with raises(RemoteError):
            units.make("mp4a.40.2", Sink(), 44000, 2, HEX(extra))
    one = units.make("mp4a.40.2", Sink(), 44100, 2, HEX("1210"))
    for size in (0, -5, 8185):
        with raises(RemoteError):
            one.begin(size)
    one.begin(8184)


def test_aac_with_spectral_band_replication_is_low_complexity_below():
    one = units.make("mp4a.40.5", sink := Sink(), 48000, 2, HEX("2b1188"))  # 24,000 Hz, extended to 48,000
    play(one, b"a")
    assert bytes(sink.data[:4]) == HEX("fff158 80")


def test_pcm_gets_the_head_of_a_wav_file_once():
    sink = Sink(5)
    one = units.make("sowt", sink, 44100, 2)
    play(one, bytes(64), 10)
    play(one, b"\x01\x02\x03\x04")
    wanted = HEX("52494646 ffffffff 57415645 666d7420 10000000 0100 0200 44ac0000 10b10200 0400 1000 64617461 ffffffff")
    assert bytes(sink.data) == wanted + bytes(64) + b"\x01\x02\x03\x04"
    assert head(44100, 2, 16) == wanted
    assert head(8000, 1, 8)[22:36] == HEX("0100 401f0000 401f0000 0100 0800")
    for rate, extra in ((96000, b"\x10"), (44100, b"\x18"), (44100, b"\x00")):
        with raises(RemoteError):
            units.make("ipcm", Sink(), rate, 2, extra)


def test_a_codec_that_is_not_there_is_said_by_name_without_doing_anything_to_a_console():
    for name in ("opus", "fLaC", "mp4a.40.1", "", "x" * 300, "a\x1b[2J\r\n"):
        with raises(RemoteError) as caught:
            units.make(name, Sink(), 48000, 2)
        text = str(caught.value)
        assert "no codec" in text and len(text) < 60 and all([" " <= c < "\x7f" for c in text])


def test_channels_and_rates_that_no_chip_plays_are_refused():
    for rate, channels in ((44100, 0), (44100, 3), (0, 2), (-1, 1), (192000, 2)):
        with raises(RemoteError):
            units.make("mp4a.6b", Sink(), rate, channels)


class Later:
    """A module that came later."""

    @staticmethod
    def make(sink, rate, channels, extra):
        return ("later", rate, channels, extra)


def test_a_unit_that_comes_later_takes_a_codec_over_and_gives_it_back():
    sys.modules["codec_later"] = Later
    units.add("oPus", "codec_later")
    units.add("mp4a.6b", "codec_later")
    try:
        assert units.make("opus", None, 48000, 2, b"x") == ("later", 48000, 2, b"x")
        assert units.make("mp4a.6B", None, 48000, 1) == ("later", 48000, 1, b"")
    finally:
        units.add("opus", None)
        units.add("mp4a.6b", None)
        del sys.modules["codec_later"]
    play(units.make("mp4a.6b", sink := Sink(), 44100, 2), b"frame")
    assert bytes(sink.data) == b"frame"
    with raises(RemoteError):
        units.make("opus", None, 48000, 2)


def test_a_unit_keeps_count_of_its_sample():
    one = units.make("mp4a.6b", Sink(), 44100, 2)
    one.begin(10)
    assert one.write(b"12345") == 5
    with raises(LocalError):
        one.begin(4)
    with raises(LocalError):
        one.write(b"123456")
    assert one.write(b"0123456789", 5, 10) == 5
    one.begin(4)
    one.drop()
    one.begin(1)
    assert one.write(b"1") == 1


def test_what_waits_goes_before_what_comes():
    sink = Sink(room=5)
    one = units.make("mp4a.40.2", sink, 44100, 2, HEX("1210"))
    one.begin(4)
    assert one.write(b"abcd") == 0 and len(sink.data) == 5 and not one.flush()
    sink.room = 3
    assert one.write(b"abcd") == 1
    sink.room = None
    assert one.write(b"abcd", 1) == 3 and one.flush()
    assert bytes(sink.data[7:]) == b"abcd"
    one.begin(2)
    sink.room = 2
    assert one.write(b"xy") == 0
    one.drop()
    sink.room = None
    one.begin(2)
    assert one.write(b"yz") == 2
