"""IMA ADPCM: both kernels against each other and against FFmpeg, and the unit that decodes it piece by piece."""

import sys

import adpcm_vectors as vectors
from codec_rig import Sink, play
from kit import raises
from settop.codec import adpcm, kernels_plain
from settop.codec.wav import HEAD_BYTES, head
from settop.errors import RemoteError

KERNELS = [kernels_plain]
if sys.implementation.name == "micropython":
    from settop.codec import kernels_viper

    KERNELS.append(kernels_viper)

CASES = ((1, vectors.MONO_BLOCK, vectors.MONO_SAMPLES), (2, vectors.STEREO_BLOCK, vectors.STEREO_SAMPLES))


class Random:
    """A small generator: MicroPython's own differs from port to port."""

    def __init__(self, seed):
        self._state = seed * 2654435761 & 0x7FFFFFFF | 1

    def below(self, limit):
        self._state = self._state * 1103515245 + 12345 & 0x7FFFFFFF
        return (self._state >> 8) % limit

    def octets(self, count):
        return bytearray([self.below(256) for _ in range(count)])


def opened(kernels, channels, block):
    """What a kernel makes of a whole block, head and all."""
    state = adpcm.new_state()
    for channel in range(channels):
        value = block[4 * channel] | block[4 * channel + 1] << 8
        state[2 * channel] = value ^ 0x8000
        state[2 * channel + 1] = block[4 * channel + 2]
    groups = len(block) // (4 * channels) - 1
    out = bytearray(16 * channels * groups)
    first = b"".join([bytes(block[4 * channel : 4 * channel + 2]) for channel in range(channels)])
    kernels.decode(memoryview(block)[4 * channels :], out, state, groups | channels << 8)
    return first + bytes(out), list(state[:4])


def test_kernels_decode_what_ffmpeg_decodes():
    for channels, block, samples in CASES:
        for kernels in KERNELS:
            assert opened(kernels, channels, block)[0] == samples, (kernels.__name__, channels)


def test_kernels_are_alike_on_random_blocks():
    rng = Random(1)
    for number in range(20):
        channels = 1 + number % 2
        block = rng.octets(4 * channels * (2 + rng.below(12)))
        for channel in range(channels):
            block[4 * channel + 2] = rng.below(89)
        plain = opened(kernels_plain, channels, block)
        for kernels in KERNELS[1:]:
            assert opened(kernels, channels, block) == plain, number


def test_every_code_at_every_step_and_both_ends_is_alike():
    if len(KERNELS) == 1:
        return  # on CPython there is nothing to compare with
    source = bytes([low | low << 4 for low in range(16)]) * 4
    for index in [0, 1, 2, 40, 86, 87, 88]:
        for value in (-32768, -1, 0, 32767):
            out = []
            for kernels in KERNELS:
                state = adpcm.new_state()
                state[0], state[1] = value + 32768, index
                samples = bytearray(256)
                kernels.decode(source, samples, state, 16 | 1 << 8)
                out.append((samples, list(state[:4])))
            assert out[0] == out[1], (index, value)


def test_copy_takes_what_it_is_told_from_where_to_where():
    for kernels in KERNELS:
        target = bytearray(8)
        kernels.copy(b"abcdefgh", 3, target, 4 | 2 << 16)
        assert target == b"\0\0defg\0\0"
        kernels.copy(b"abc", 0, target, 0 | 2 << 16)
        assert target == b"\0\0defg\0\0"


def unit(sink, channels, block):
    return adpcm.make(sink, 22050, channels, len(block).to_bytes(2, "little"))


def test_the_unit_puts_out_a_wav_head_and_samples_whatever_the_pieces():
    for channels, block, samples in CASES:
        for step in (1, 7, None):
            for most in (5, 32, None):
                sink = Sink(most)
                one = unit(sink, channels, block)
                play(one, block, step)
                play(one, block, step)
                assert bytes(sink.data[:HEAD_BYTES]) == head(22050, channels, 16)
                assert bytes(sink.data[HEAD_BYTES:]) == samples + samples, (channels, step, most)
                assert one.damaged == 0


def test_a_full_sink_holds_it_back_and_nothing_is_lost():
    channels, block, samples = CASES[1]
    sink = Sink(room=HEAD_BYTES + 2)
    one = unit(sink, channels, block)
    one.begin(len(block))
    at = one.write(block)
    assert at == 8 and len(sink.data) == HEAD_BYTES + 2
    assert one.write(block, at) == 0 and not one.flush()
    sink.room = None
    assert one.write(block, at) == len(block) - at and one.flush()
    assert bytes(sink.data[HEAD_BYTES:]) == samples


def test_a_shorter_last_block_is_decoded_as_far_as_it_goes():
    channels, block, samples = CASES[1]
    for size in range(1, len(block), 3):
        sink = Sink()
        one = unit(sink, channels, block)
        play(one, block[:size], 5)
        count = 0 if size < 8 else 4 + 32 * (size // 8 - 1)
        assert bytes(sink.data[HEAD_BYTES:]) == samples[:count], size


def test_a_sample_of_several_blocks_is_as_one_of_each():
    for channels, block, samples in CASES:
        for step in (1, 7, 64, None):
            sink = Sink(50)
            one = unit(sink, channels, block)
            play(one, block * 3 + block[: 8 * channels], step)
            play(one, block * 2, step)
            short = samples[: 2 * channels + 16 * channels]
            assert bytes(sink.data[HEAD_BYTES:]) == samples * 3 + short + samples * 2, (channels, step)


def test_a_block_whose_head_is_impossible_is_silence_of_its_length():
    for channels, block, samples in CASES:
        for channel in range(channels):
            bad = bytearray(block)
            bad[4 * channel + 2] = 89
            sink = Sink()
            one = unit(sink, channels, block)
            play(one, bad, 6)
            play(one, block)
            assert bytes(sink.data[HEAD_BYTES:]) == bytes(len(samples)) + samples
            assert one.damaged == 1


def test_random_blocks_never_stop_it():
    rng = Random(2)
    for number in range(30):
        channels = 1 + number % 2
        block = 4 * channels * (2 + rng.below(40))
        sink = Sink(1 + rng.below(60))
        one = adpcm.make(sink, 8000, channels, block.to_bytes(2, "little"))
        wanted = 0
        for _ in range(3):
            size = 1 + rng.below(block)
            play(one, rng.octets(size), 1 + rng.below(40))
            wanted += 0 if size < 4 * channels else 2 * channels + 16 * channels * (size // (4 * channels) - 1)
        assert len(sink.data) == HEAD_BYTES + wanted, number


def test_blocks_and_samples_that_cannot_be_are_refused():
    for channels, extra in ((1, b""), (1, b"\x04\x00"), (1, b"\x06\x00"), (2, b"\x0c\x00"), (2, b"\x00\x80")):
        with raises(RemoteError):
            adpcm.make(Sink(), 8000, channels, extra)
    one = adpcm.make(Sink(), 8000, 1, b"\x40\x00")
    for size in (0, 0x10000, -1):
        with raises(RemoteError):
            one.begin(size)


def test_after_a_drop_the_next_block_is_whole():
    channels, block, samples = CASES[0]
    sink = Sink(room=60)
    one = unit(sink, channels, block)
    one.begin(len(block))
    one.write(block, 0, 30)
    one.drop()
    sink.room = None
    sink.data = bytearray()
    play(one, block)
    assert bytes(sink.data) == samples
