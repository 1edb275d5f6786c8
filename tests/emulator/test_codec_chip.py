"""The model of the VS1053b against its datasheet's procedures, and what is heard against another decoding."""

import wave

import numpy as np
import pytest
from testbed.machines.codec.chip import (
    AUDATA,
    CLOCKF,
    DECODE_TIME,
    HDAT0,
    HDAT1,
    MODE,
    SM_CANCEL,
    SM_RESET,
    STATUS,
    VOL,
    WRAM,
    WRAMADDR,
    XTALI_HZ,
    Vs1053,
)
from testbed.machines.codec.decoder import FIFO_BYTES
from testbed.machines.codec.headers import adts_header

from tests.helpers.melodies import decoded, offset_of, tune

MS = 1_000_000
SLOW_HZ, FAST_HZ = 1_700_000, 6_000_000


class Host:
    """What a microcontroller does on the wires, by the datasheet alone."""

    def __init__(self, chip, started=True):
        self.chip = chip
        self.now_ns = 0
        self.hz = SLOW_HZ
        if started:
            self.wait_for_dreq()
            self.write(CLOCKF, 0x8800)
            self.wait_for_dreq()
            self.hz = FAST_HZ

    def wait_for_dreq(self, limit_ns=10_000 * MS):
        limit_ns += self.now_ns
        while not self.chip.dreq(self.now_ns):
            change_ns = self.chip.next_change_ns()
            assert change_ns is not None and self.now_ns < limit_ns, "DREQ stays low"
            self.now_ns = max(self.now_ns + 1, change_ns)

    def octet(self, value):
        self.now_ns += round(8e9 / self.hz)
        return self.chip.exchange(value, self.now_ns, self.hz)

    def command(self, *octets):
        self.chip.xcs(False, self.now_ns)
        out = [self.octet(value) for value in octets]
        self.chip.xcs(True, self.now_ns)
        return out

    def write(self, address, value):
        self.command(2, address, value >> 8, value & 0xFF)

    def read(self, address):
        out = self.command(3, address, 0, 0)
        self.now_ns += 20_000
        return out[2] << 8 | out[3]

    def data(self, octets):
        self.chip.xdcs(False, self.now_ns)
        for value in octets:
            self.octet(value)
        self.chip.xdcs(True, self.now_ns)

    def send(self, octets):
        for at in range(0, len(octets), 32):
            self.wait_for_dreq()
            self.data(octets[at : at + 32])

    def end_fill_byte(self):
        self.write(WRAMADDR, 0x1E06)
        self.now_ns += 20_000
        return self.read(WRAM) & 0xFF

    def play_whole(self, file):
        """Datasheet 10.5.1."""
        self.send(file)
        self.wait_for_dreq()
        fill = bytes([self.end_fill_byte()])
        self.send(fill * 2052)
        self.wait_for_dreq()
        self.write(MODE, self.read(MODE) | SM_CANCEL)
        for _ in range(64):
            self.wait_for_dreq()
            self.data(fill * 32)
            self.wait_for_dreq()
            if not self.read(MODE) & SM_CANCEL:
                return
        raise AssertionError("SM_CANCEL stays set")


@pytest.fixture
def host():
    return Host(Vs1053())


def test_it_starts_by_itself_within_two_milliseconds_and_says_what_it_is():
    chip = Vs1053(now_ns=5 * MS)
    assert not chip.dreq(5 * MS)
    assert chip.next_change_ns() == 5 * MS + 22_000 * 10**9 // XTALI_HZ
    assert chip.dreq(7 * MS)
    host = Host(chip, started=False)
    host.now_ns = 7 * MS
    assert (host.read(MODE), host.read(STATUS) >> 4 & 15, host.read(CLOCKF)) == (0x4800, 4, 0)
    assert (host.read(HDAT0), host.read(HDAT1), host.read(DECODE_TIME)) == (0, 0, 0)


def test_dreq_is_low_for_as_long_as_a_command_takes(host):
    for address, clki in ((VOL, 80), (DECODE_TIME, 100), (AUDATA, 450)):
        host.wait_for_dreq()
        host.write(address, 0)
        done_ns = host.now_ns + clki * 10**9 // host.chip.clki_hz
        assert not host.chip.dreq(done_ns - 1)
        assert host.chip.next_change_ns() == done_ns
        assert host.chip.dreq(done_ns)
        host.now_ns = done_ns


def test_a_command_before_the_last_is_done_is_missed(host):
    host.write(AUDATA, 0x1F40)
    host.write(VOL, 0x1234)
    host.wait_for_dreq()
    assert (host.read(VOL), host.chip.missed) == (0, 1)
    host.write(VOL, 0x1234)
    host.wait_for_dreq()
    assert (host.read(VOL), host.chip.missed) == (0x1234, 1)


def test_several_words_go_into_one_register_and_memory_counts_up(host):
    host.write(WRAMADDR, 0x1800)
    host.wait_for_dreq()
    host.chip.xcs(False, host.now_ns)
    for octet in (2, WRAM, 0x12, 0x34):
        host.octet(octet)
    host.wait_for_dreq()
    for octet in (0x56, 0x78):
        host.octet(octet)
    host.chip.xcs(True, host.now_ns)
    host.wait_for_dreq()
    host.write(WRAMADDR, 0x1800)
    host.wait_for_dreq()
    assert [host.read(WRAM), host.read(WRAM)] == [0x1234, 0x5678]


def test_a_clock_that_is_too_fast_reads_nothing():
    host = Host(Vs1053(), started=False)
    host.wait_for_dreq()
    host.hz = XTALI_HZ / 7 + 1
    assert host.read(STATUS) != 0x40 and host.chip.too_fast == 3
    host.hz = XTALI_HZ / 7
    assert host.read(STATUS) == 0x40
    host.hz = XTALI_HZ / 4 + 1
    host.write(VOL, 0x1010)
    host.hz = XTALI_HZ / 4
    host.write(CLOCKF, 0x8800)
    host.wait_for_dreq()
    host.hz = 3.5 * XTALI_HZ / 7
    assert (host.read(VOL), host.read(CLOCKF)) == (0, 0x8800)


def test_both_chip_selects_at_once_are_counted(host):
    host.chip.xdcs(False, host.now_ns)
    host.write(VOL, 0x1010)
    host.chip.xdcs(True, host.now_ns)
    assert host.chip.confused == 4 and host.read(VOL) == 0


def test_the_fifo_takes_2048_octets_and_dreq_says_when_32_fit(host):
    file = tune("mp3")
    host.send(file[:4096])
    sent = 0
    while host.chip.dreq(host.now_ns):  # until the buffer of samples is full and the FIFO fills
        host.data(file[4096 + sent : 4096 + sent + 32])
        sent += 32
        assert sent < 5000
    assert host.chip.decoder.room() < 32
    room = host.chip.decoder.room()
    host.data(bytes(room))
    assert host.chip.decoder.overflowed == 0
    host.data(bytes(3))
    assert host.chip.decoder.overflowed == 3
    assert FIFO_BYTES == 2048


@pytest.mark.parametrize(
    ("kind", "rate", "channels", "head"),
    [
        ("mp3", 44_100, 2, None),
        ("mp3", 22_050, 1, None),
        ("aac", 44_100, 2, 0x4154),
        ("aac", 24_000, 1, 0x4154),
        ("m4a", 48_000, 2, 0x4D34),
        ("wav", 44_100, 2, 0x7665),
        ("wav", 8_000, 1, 0x7665),
        ("adpcm", 44_100, 2, 0x7665),
        ("adpcm", 11_025, 1, 0x7665),
    ],
)
def test_a_whole_file_is_heard_as_another_decoder_decodes_it(host, tmp_path, kind, rate, channels, head):
    file = tune(kind, 0.6 if kind == "wav" else 2, rate, channels, 64_000 if rate < 44_100 else 128_000)
    wanted = decoded(file)
    host.send(file[: len(file) // 2])
    host.wait_for_dreq()
    if head is None:
        assert host.read(HDAT1) >> 5 == 0x7FF and host.read(HDAT0)
    else:
        assert host.read(HDAT1) == head
    assert host.read(AUDATA) == rate // 2 * 2 | channels - 1
    host.play_whole(file[len(file) // 2 :])
    sound = host.chip.sound
    assert sound.underruns == [] and host.chip.decoder.damaged == 0
    assert (host.read(HDAT0), host.read(HDAT1)) == (0, 0)
    sound.write_wav(tmp_path / "heard.wav")
    with wave.open(str(tmp_path / "heard.wav")) as wav:
        assert (wav.getframerate(), wav.getnchannels()) == (rate, channels)
        heard = np.frombuffer(wav.readframes(1 << 30), "<i2").reshape(-1, channels)
    at = offset_of(wanted, heard)
    assert -2112 <= at <= 3000, "what an encoder puts in front"
    start, count = max(0, -at), min(len(wanted), len(heard) - at)
    assert count >= len(wanted) - 2304
    assert np.array_equal(heard[start + at : at + count], wanted[start:count])
    assert host.chip.missed == host.chip.too_fast == host.chip.decoder.overflowed == 0


@pytest.mark.parametrize("kind", ["fmp4", "mp4", "flac", "noise", "zeros"])
def test_what_it_does_not_read_is_silent_and_does_not_stop_it(host, kind):
    rng = np.random.default_rng(3)
    octets = {"noise": rng.bytes(100_000), "zeros": bytes(100_000)}.get(kind) or tune(kind, 2)
    host.send(octets)
    assert host.chip.sound.pieces == []
    host.play_whole(b"")
    file = tune("mp3", 1)
    host.play_whole(file)
    offset_of(decoded(file), host.chip.sound.heard()[1])


@pytest.mark.parametrize("kind", ["mp3", "aac"])
def test_files_one_after_the_other_are_no_underrun(host, kind):
    first, second = tune("aac", 1), tune(kind, 1)
    host.play_whole(first)
    host.now_ns += 1000 * MS
    host.play_whole(second)
    sound = host.chip.sound
    assert sound.underruns == [] and len({piece.file for piece in sound.pieces}) == 2
    gap_ns = sound.pieces[1].start_ns - sound.pieces[0].end_ns
    assert gap_ns > 900 * MS


def test_titles_of_other_rates_are_heard_at_their_pitch_and_length(host, tmp_path):
    host.play_whole(tune("wav", 0.5, 44_100, 2))
    host.now_ns += 500 * MS
    host.play_whole(tune("adpcm", 0.5, 22_050, 1))
    sound = host.chip.sound
    rate, heard = sound.heard()
    assert rate == 44_100 and heard.shape[1] == 2
    second = sound.pieces[-1]
    start = round((second.start_ns - sound.pieces[0].start_ns) * rate / 1e9)
    assert not heard[start - 10_000 : start].any()
    part = heard[start:].astype(float)
    assert abs(len(part) - 2 * second.count) < 100 and np.array_equal(part[:, 0], part[:, 1])
    clear = second.samples[:, 0].astype(float)
    near = part[: 2 * len(clear) : 2, 0][: len(clear)]
    assert np.corrcoef(near, clear[: len(near)])[0, 1] > 0.99
    assert np.array_equal(sound.heard(second.start_ns)[1][:1000], heard[start:][:1000])


def test_a_power_cut_is_no_underrun_and_what_was_heard_stays(host):
    file = tune("aac", 1)
    host.send(file)
    again = Host(Vs1053(now_ns=host.now_ns + 500 * MS, sound=host.chip.sound), started=False)
    again.now_ns = host.now_ns + 500 * MS
    again.wait_for_dreq()
    again.play_whole(file)
    sound = again.chip.sound
    assert len(sound.pieces) == 2 and sound.underruns == []


def test_a_starved_decoder_is_silent_exactly_there_and_goes_on(host):
    file = tune("mp3", 4)
    host.send(file[:20_000])
    before_ns = host.now_ns
    host.now_ns += 700 * MS
    resumed_ns = host.now_ns
    host.play_whole(file[20_000:])
    sound = host.chip.sound
    ((start_ns, end_ns),) = sound.underruns
    frame_ns = 1152 * 10**9 // 44_100
    in_flight_ns = (FIFO_BYTES + 1000) * 8 * 10**9 // 128_000 + 2048 * 10**9 // 44_100
    assert before_ns < start_ns < before_ns + in_flight_ns
    assert resumed_ns <= end_ns < resumed_ns + frame_ns
    rate, heard = sound.heard()
    first_ns = sound.pieces[0].start_ns
    gap = heard[(start_ns - first_ns) * rate // 10**9 + 1 : (end_ns - first_ns) * rate // 10**9 - 1]
    assert len(gap) > 20_000 and not gap.any()
    played = np.concatenate([piece.samples for piece in sound.pieces])
    wanted = decoded(file)
    at = offset_of(wanted, played)
    assert np.array_equal(played[at + 3000 :][:100_000], wanted[3000:][:100_000])


def test_cancelling_by_the_datasheet_ends_it_within_a_frame(host):
    """10.5.2: SM_CANCEL, on with the file until it clears, then 2,052 times endFillByte."""
    chip = Vs1053(end_fill=0x5A)
    host = Host(chip)
    file = tune("mp3", 4)
    host.send(file[:30_000])
    host.wait_for_dreq()
    host.write(MODE, host.read(MODE) | SM_CANCEL)
    asked_ns = host.now_ns
    pieces = 0
    while host.read(MODE) & SM_CANCEL:
        host.wait_for_dreq()
        host.data(file[30_000 + 32 * pieces :][:32])
        pieces += 1
        assert pieces <= 64
    assert host.now_ns - asked_ns < 60 * MS
    assert host.end_fill_byte() == 0x5A
    host.send(bytes([0x5A]) * 2052)
    assert (host.read(HDAT0), host.read(HDAT1)) == (0, 0)
    assert chip.sound.pieces[-1].end_ns < host.now_ns + 60 * MS
    cancelled = chip.sound.pieces[-1].file
    other = tune("aac", 1)
    host.play_whole(other)
    offset_of(decoded(other), np.concatenate([p.samples for p in chip.sound.pieces if p.file != cancelled]))


def test_a_software_reset_forgets_the_clock_and_the_file(host):
    file = tune("mp3", 2)
    host.send(file[:10_000])
    host.wait_for_dreq()
    host.write(MODE, 0x4800 | SM_RESET)
    down_ns = host.now_ns
    assert not host.chip.dreq(down_ns)
    host.wait_for_dreq()
    assert 1.7 * MS < host.now_ns - down_ns < 1.9 * MS
    host.hz = SLOW_HZ
    assert (host.read(HDAT1), host.read(CLOCKF), host.read(MODE)) == (0, 0, 0x4800)


def test_the_reset_pin_holds_it():
    chip = Vs1053()
    chip.xreset(False, 50 * MS)
    assert not chip.dreq(60 * MS) and chip.next_change_ns() is None
    chip.xreset(True, 70 * MS)
    assert not chip.dreq(71 * MS) and chip.dreq(72 * MS)


def test_decode_time_counts_seconds_of_sound_and_can_be_set(host):
    file = tune("mp3", 4)
    host.send(file[: len(file) * 3 // 4])
    host.wait_for_dreq()
    assert host.read(DECODE_TIME) in (2, 3)
    for _ in range(2):
        host.write(DECODE_TIME, 100)
        host.wait_for_dreq()
    assert host.read(DECODE_TIME) == 100


def test_the_volume_is_heard(host):
    file = tune("wav", 1)
    host.write(VOL, 40 << 8 | 0xFE)  # -20 dB, and nothing
    host.wait_for_dreq()
    host.play_whole(file)
    _, heard = host.chip.sound.heard()
    wanted = decoded(file)
    assert np.abs(heard[: len(wanted), 0] - wanted[:, 0] / 10).max() < 1
    assert not heard[:, 1].any()


def test_one_damaged_frame_is_a_silence_of_its_length_and_no_noise(host):
    file = bytearray(tune("aac", 2))
    starts = [0]
    while starts[-1] < len(file):
        starts.append(starts[-1] + adts_header(file[starts[-1] :][:7]).octets)
    file[starts[20] + 9 : starts[21]] = b"\xff" * (starts[21] - starts[20] - 9)
    host.play_whole(bytes(file))
    chip = host.chip
    assert chip.decoder.damaged == 1 and chip.sound.underruns == []
    heard = np.concatenate([piece.samples for piece in chip.sound.pieces])
    assert len(heard) == 1024 * (len(starts) - 1) and not heard[20 * 1024 : 21 * 1024].any()
