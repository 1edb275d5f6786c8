"""Tables that change within a file: what a PID carries is a matter of the stretch between two of them.

`tests.helpers.on_air` judges, an independent reading of the standard.
"""

import json
import random

import pytest
from headend.ts.descrambler import descramble_file
from headend.ts.exposure import exposed_packets
from headend.ts.portions import TICKS_PER_MS
from headend.ts.scrambler import scramble_file
from headend.ts.signal.psi import Pat, Pmt, Stream, build_pat, build_pmt, crc32_mpeg2
from settop.errors import RemoteError

from tests.helpers.on_air import packets_of, pid_of, watch
from tests.helpers.ts_builder import AUDIO_PID, PMT_PID, VIDEO_PID, TsBuilder, plain_stream

SECRET = bytes(range(16))
PICTURE, SOUND = Stream(0x1B, VIDEO_PID), Stream(0x0F, AUDIO_PID)


def scrambled(builder, tmp_path, seconds=0.5, **options):
    """(result, the scrambled stream); the way back is checked on the way."""
    src, out, keys, back = (tmp_path / name for name in ("in.ts", "out.ts", "keys.json", "back.ts"))
    builder.write(src)
    result = scramble_file(src, out, seconds, SECRET, bytes(8), **options)
    keys.write_text(json.dumps(result.as_json()))
    opened = descramble_file(out, back, keys)
    assert opened.left_scrambled == 0
    without_nulls = [
        [packet for packet in packets_of(path.read_bytes()) if pid_of(packet) != 0x1FFF] for path in (src, back)
    ]
    assert without_nulls[0] == without_nulls[1]
    return result, out.read_bytes()


def assert_protected(data, programmes=None):
    seen = watch(data, programmes)
    assert not seen.clear
    assert not seen.unannounced
    assert seen.pmts
    assert not seen.ca_pids & seen.named
    return seen


class Mux(TsBuilder):
    """A stream in stretches; each repeats its tables every 100 ms."""

    def __init__(self, seed=1):
        super().__init__(seed)
        self.ms = 0

    def stretch(self, pat, pmts, pids, clock=VIDEO_PID, ms=600):
        """`pat` {programme: PID} and a version, or None; `pmts` [(PID, Pmt)]; `pids` carry streams."""
        for _ in range(0, ms, 20):
            if self.ms % 100 == 0:
                if pat:
                    self.sections(0, build_pat(Pat(1, pat[1], True, pat[0])))
                for pid, pmt in pmts:
                    self.sections(pid, build_pmt(pmt))
            self.es(clock, pcr=self.ms * TICKS_PER_MS)
            for pid in pids:
                self.es(pid)
            self.ms += 20


def pmt(*streams, version=0, programme=1, clock=VIDEO_PID):
    return Pmt(programme, version, True, clock, b"", streams)


def test_moved_pmt_is_announced_wherever_it_goes(tmp_path):
    mux = Mux()
    for row, pid in enumerate((0x1000, 0x1001, 0x1000, 0x50)):
        mux.stretch(({1: pid}, row), [(pid, pmt(PICTURE, SOUND, version=row))], [AUDIO_PID])
    _, data = scrambled(mux, tmp_path)
    assert assert_protected(data).pmts == 24


def test_sound_pid_that_becomes_a_pmt_pid_carries_a_readable_table(tmp_path):
    mux = Mux()
    mux.stretch(({1: PMT_PID}, 0), [(PMT_PID, pmt(PICTURE, SOUND))], [AUDIO_PID])
    second = (AUDIO_PID, pmt(Stream(0x0F, 0x200), programme=2))
    mux.stretch(({1: PMT_PID, 2: AUDIO_PID}, 1), [(PMT_PID, pmt(PICTURE, version=1)), second], [0x200])
    _, data = scrambled(mux, tmp_path)
    assert assert_protected(data).pmts == 18


def test_pmt_pid_that_becomes_a_sound_pid_is_scrambled_from_there(tmp_path):
    mux = Mux()
    mux.stretch(({1: 0x101}, 0), [(0x101, pmt(PICTURE))], [])
    mux.stretch(({1: 0x300}, 1), [(0x300, pmt(PICTURE, Stream(0x0F, 0x101), version=1))], [0x101])
    mux.stretch(({1: 0x101}, 2), [(0x101, pmt(PICTURE, version=2))], [])
    _, data = scrambled(mux, tmp_path)
    assert_protected(data)


def test_stream_that_becomes_a_section_pid_is_left_readable(tmp_path):
    mux = Mux()
    mux.stretch(({1: PMT_PID}, 0), [(PMT_PID, pmt(PICTURE, SOUND))], [AUDIO_PID])
    mux.stretch(({1: PMT_PID}, 0), [(PMT_PID, pmt(PICTURE, Stream(0x0B, AUDIO_PID), version=1))], [AUDIO_PID])
    mux.stretch(({1: PMT_PID}, 0), [(PMT_PID, pmt(PICTURE, SOUND, version=0))], [AUDIO_PID])
    _, data = scrambled(mux, tmp_path)
    assert_protected(data)
    sound = [packet[3] >= 0x80 for packet in packets_of(data) if pid_of(packet) == AUDIO_PID]
    assert sound == [True] * 30 + [False] * 30 + [True] * 30


def test_versions_that_go_back_are_believed(tmp_path):
    mux = Mux()
    for _ in range(3):
        mux.stretch(({1: PMT_PID}, 5), [(PMT_PID, pmt(PICTURE, SOUND, version=5))], [AUDIO_PID], ms=200)
        mux.stretch(
            ({1: PMT_PID}, 4), [(PMT_PID, pmt(PICTURE, Stream(0x0B, AUDIO_PID), version=4))], [AUDIO_PID], ms=200
        )
    _, data = scrambled(mux, tmp_path)
    assert_protected(data)
    sound = [packet[3] >= 0x80 for packet in packets_of(data) if pid_of(packet) == AUDIO_PID]
    assert sound == ([True] * 10 + [False] * 10) * 3


def test_splice_of_two_programmes_that_use_the_pids_the_other_way_round(tmp_path):
    mux = Mux()
    mux.stretch(({1: 0x100}, 0), [(0x100, pmt(Stream(0x1B, 0x200), Stream(0x0F, 0x201), clock=0x200))], [0x201], 0x200)
    mux.stretch(({7: 0x201}, 0), [(0x201, pmt(Stream(0x1B, 0x100), programme=7, clock=0x100))], [], 0x100)
    _, data = scrambled(mux, tmp_path)
    assert_protected(data)


def test_stream_shared_with_a_programme_that_is_not_concerned_stays_scrambled(tmp_path):
    mux = Mux()
    other = (0x1001, pmt(Stream(0x0F, AUDIO_PID), Stream(0x0F, 0x300), programme=2))
    mux.stretch(({1: PMT_PID, 2: 0x1001}, 0), [(PMT_PID, pmt(PICTURE, SOUND)), other], [AUDIO_PID, 0x300])
    _, data = scrambled(mux, tmp_path, programme=1)
    assert_protected(data, {1})
    assert not any(packet[3] >= 0x80 for packet in packets_of(data) if pid_of(packet) == 0x300)


def test_pmt_before_the_first_pat_is_announced_too(tmp_path):
    mux = Mux()
    mux.sections(PMT_PID, build_pmt(pmt(PICTURE, SOUND)))
    mux.es(AUDIO_PID)
    mux.stretch(({1: PMT_PID}, 0), [(PMT_PID, pmt(PICTURE, SOUND))], [AUDIO_PID])
    _, data = scrambled(mux, tmp_path)
    assert_protected(data)
    assert all(packet[3] >= 0x80 for packet in packets_of(data) if pid_of(packet) == AUDIO_PID)


@pytest.mark.parametrize("seed", range(40))
def test_no_table_anywhere_leaves_a_stream_clear(seed, tmp_path):
    """Stretches at random: programmes come and go, PIDs change their role, versions go anywhere."""
    rng = random.Random(seed)
    mux = Mux(seed)
    for _ in range(rng.randrange(2, 7)):
        pool = rng.sample([0x10, 0x1F, *range(0x20, 0x2C), 0x1FF0, 0x1FEF], 9)
        programmes = rng.sample(range(1, 6), rng.randrange(1, 4))
        pat, pmts, carried = {}, [], []
        for row, number in enumerate(programmes):
            pat[number] = pool.pop()
            clock = VIDEO_PID if not row else pool[-1]
            streams = [Stream(0x1B, clock)] if not row else []
            for _ in range(rng.randrange(3)):
                carried.append(pool.pop())
                streams.append(Stream(rng.choice((0x0F, 0x0F, 0x06, 0x0B, 0x02)), carried[-1]))
            table = pmt(*streams, version=rng.randrange(32), programme=number, clock=VIDEO_PID)
            pmts.append((pat[number], table))
        mux.stretch((pat, rng.randrange(32)), pmts, carried, ms=rng.choice((200, 500)))
    _, data = scrambled(mux, tmp_path, 0.3)
    assert_protected(data)


# --- streams that would stay clear, and messages that would mislead --------------------------------------------------


@pytest.mark.parametrize("pid", [0x10, 0x11, 0x14, 0x1F])
def test_streams_from_pid_0x10_on_are_scrambled(pid, tmp_path):
    mux = Mux()
    mux.stretch(({1: PMT_PID}, 0), [(PMT_PID, pmt(PICTURE, Stream(0x81, pid)))], [pid])
    _, data = scrambled(mux, tmp_path)
    assert_protected(data)


@pytest.mark.parametrize("pid", [0x01, 0x02, 0x0F])
def test_stream_on_a_pid_of_tables_is_refused_by_name(pid, tmp_path):
    mux = Mux()
    mux.stretch(({1: PMT_PID}, 0), [(PMT_PID, pmt(PICTURE, Stream(0x0F, pid)))], [pid])
    with pytest.raises(RemoteError, match=f"PID 0x{pid:04x}"):
        scrambled(mux, tmp_path)
    assert not (tmp_path / "out.ts").exists()


def test_placeholder_pids_of_streams_that_are_not_there_are_taken(tmp_path):
    mux = Mux()
    mux.stretch(({1: PMT_PID}, 0), [(PMT_PID, pmt(PICTURE, SOUND, Stream(0x06, 0), Stream(0x06, 0x1FFF)))], [AUDIO_PID])
    scrambled(mux, tmp_path)


def test_run_that_scrambles_nothing_fails_and_leaves_the_old_output(tmp_path):
    mux = Mux()
    mux.stretch(({1: PMT_PID}, 0), [(PMT_PID, pmt(Stream(0x1B, 0x400)))], [])
    (tmp_path / "out.ts").write_bytes(b"old")
    with pytest.raises(RemoteError, match="nothing was scrambled"):
        scrambled(mux, tmp_path)
    assert (tmp_path / "out.ts").read_bytes() == b"old"


def test_what_no_pmt_names_is_told(tmp_path):
    mux = Mux()
    mux.stretch(({1: PMT_PID, 9: 0x1900}, 0), [(PMT_PID, pmt(PICTURE))], [])
    mux.packets.append(b"\x47\x45\x00\x10\x00\x00\x01\xe0" + bytes(180))
    result, _ = scrambled(mux, tmp_path)
    assert any("0x0500" in text for text in result.warnings)
    assert any("no PMT" in text and "9" in text for text in result.warnings)


def test_damaged_packets_are_passed_on_and_say_nothing(tmp_path):
    mux, rng = Mux(), random.Random(3)
    mux.stretch(({1: PMT_PID}, 0), [(PMT_PID, pmt(PICTURE, SOUND))], [AUDIO_PID], ms=300)
    noise = [
        b"\x47\x8a\xbc\xf5" + rng.randbytes(184),  # looks scrambled
        b"\x47\x80\x00\x10\x00" + build_pat(Pat(1, 3, True, {9: 0x99})).ljust(183, b"\xff"),
        b"\x47\xd0\x00\x10\x00" + build_pmt(pmt(Stream(0x1B, 0x777), version=9)).ljust(183, b"\xff"),
        b"\x47\x81\x00\x30\x07\x10" + rng.randbytes(182),  # a clock
        b"\x47\x81\x01\x10" + rng.randbytes(184),  # of a stream
        b"\x47\x9f\xff\x10" + rng.randbytes(184),  # looks like a null packet
    ]
    for packet in noise:
        mux.packets.append(packet)
        mux.stretch(({1: PMT_PID}, 0), [(PMT_PID, pmt(PICTURE, SOUND))], [AUDIO_PID], ms=100)
    result, data = scrambled(mux, tmp_path)
    assert [packet for packet in packets_of(data) if packet[1] & 0x80] == noise
    assert any("6 damaged" in text for text in result.warnings)
    assert_protected(data)


def test_exposure_counts_what_a_pmt_in_force_announces_and_is_clear(tmp_path):
    mux = Mux()
    mux.stretch(({1: PMT_PID}, 0), [(PMT_PID, pmt(PICTURE, SOUND))], [AUDIO_PID], ms=300)
    mux.stretch(({1: PMT_PID}, 0), [(PMT_PID, pmt(PICTURE, Stream(0x0B, AUDIO_PID), version=1))], [AUDIO_PID], ms=300)
    _, data = scrambled(mux, tmp_path)
    on_air = packets_of(data)
    assert not exposed_packets(tmp_path / "out.ts")
    rows = [row for row, packet in enumerate(on_air) if packet[3] >= 0x80]
    for row in rows[:5]:
        on_air[row] = on_air[row][:3] + bytes((on_air[row][3] & 0x3F,)) + on_air[row][4:]
    (tmp_path / "leak.ts").write_bytes(b"".join(on_air))
    found = exposed_packets(tmp_path / "leak.ts")
    assert found == watch(b"".join(on_air)).clear
    assert sum(found.values()) == 5


# --- PIDs that are not free ------------------------------------------------------------------------------------------

CA = b"\x09\x04\x05\x00\xff\xf0"


def cat(loop):
    head = b"\x01\xb0" + bytes((9 + len(loop),)) + b"\xff\xff\xc1\x00\x00" + loop
    return head + crc32_mpeg2(head).to_bytes(4, "big")


def _named_by_pat(mux):
    return ({1: PMT_PID, 2: 0x1FF0}, 0), pmt(PICTURE, SOUND)


def _named_as_network_pid(mux):
    body = bytes.fromhex("0000fff0 0001f000".replace(" ", ""))
    head = b"\x00\xb0\x11\x00\x01\xc1\x00\x00" + body
    mux.sections(0, head + crc32_mpeg2(head).to_bytes(4, "big"))
    return ({1: PMT_PID}, 0), pmt(PICTURE, SOUND)


def _named_by_next_pat(mux):
    mux.sections(0, build_pat(Pat(1, 1, False, {1: PMT_PID, 2: 0x1FF0})))
    return ({1: PMT_PID}, 0), pmt(PICTURE, SOUND)


def _named_by_programme_loop(mux):
    return ({1: PMT_PID}, 0), Pmt(1, 0, True, VIDEO_PID, CA, (PICTURE, SOUND))


def _named_by_stream_loop(mux):
    return ({1: PMT_PID}, 0), pmt(PICTURE, Stream(0x0F, AUDIO_PID, b"\x52\x01\x00" + CA))


def _named_by_cat(mux):
    mux.sections(1, cat(CA))
    return ({1: PMT_PID}, 0), pmt(PICTURE, SOUND)


def _named_as_clock(mux):
    return ({1: PMT_PID}, 0), pmt(PICTURE, SOUND, clock=0x1FF0)


def _named_as_stream_without_packets(mux):
    return ({1: PMT_PID}, 0), pmt(PICTURE, SOUND, Stream(0x06, 0x1FF0))


TAKEN = [
    *(_named_by_pat, _named_as_network_pid, _named_by_next_pat, _named_by_programme_loop, _named_by_stream_loop),
    *(_named_by_cat, _named_as_clock, _named_as_stream_without_packets),
]


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("how", TAKEN)
def test_pid_that_a_table_names_is_not_free(how, late, tmp_path):
    mux = Mux()
    if late:
        mux.stretch(({1: PMT_PID}, 9), [(PMT_PID, pmt(PICTURE, SOUND, version=9))], [AUDIO_PID], ms=300)
    pat, table = how(mux)
    mux.stretch(pat, [(PMT_PID, table)], [AUDIO_PID], ms=300)
    result, data = scrambled(mux, tmp_path)
    assert result.ca_pid == 0x1FEF
    assert_protected(data)


# --- what cannot be read back is not written -------------------------------------------------------------------------


def raw_pmt(programme_loop, rest, info=None):
    """A PMT with a good CRC, whatever its loops say."""
    info = len(programme_loop) if info is None else info
    body = b"\xe1\x00" + (0xF000 | info).to_bytes(2, "big") + programme_loop + rest
    head = b"\x02" + (0xB000 | 9 + len(body)).to_bytes(2, "big") + b"\x00\x01\xc1\x00\x00" + body
    return head + crc32_mpeg2(head).to_bytes(4, "big")


ENTRIES = b"\x1b\xe1\x00\xf0\x00\x0f\xe1\x01\xf0\x00"
ODD = {
    "descriptor longer than its loop": (bytes.fromhex("0e03c000005f0800000028"), ENTRIES),
    "half a descriptor": (b"\x0e", ENTRIES),
    "reserved bits 0": (b"", b"\x1b\x01\x00\x00\x00\x0f\x01\x01\x00\x00"),
    "stream descriptor longer than its loop": (b"", b"\x1b\xe1\x00\xf0\x03\x52\x09\x00\x0f\xe1\x01\xf0\x00"),
    "octets behind the last stream": (b"", ENTRIES + b"\x99\x98\x97"),
    "stream loop longer than the section": (b"", ENTRIES[:5] + b"\x0f\xe1\x01\xf0\x20\x0a\x04eng"),
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_pmt_is_announced_in_front_and_comes_back_bit_for_bit(kind, tmp_path):
    section = raw_pmt(*ODD[kind])
    mux = Mux()
    for _ in range(4):
        mux.sections(0, build_pat(Pat(1, 0, True, {1: PMT_PID})))
        mux.sections(PMT_PID, section)
        mux.stretch(None, [], [AUDIO_PID], ms=100)
    _, data = scrambled(mux, tmp_path)
    assert_protected(data)


def test_programme_loop_longer_than_its_section_is_refused_with_the_place(tmp_path):
    mux = Mux()
    mux.stretch(({1: PMT_PID}, 0), [(PMT_PID, pmt(PICTURE, SOUND))], [AUDIO_PID], ms=100)
    at = len(mux.packets)
    mux.sections(PMT_PID, raw_pmt(b"", ENTRIES, info=200))
    mux.stretch(None, [], [AUDIO_PID], ms=100)
    with pytest.raises(RemoteError, match=f"packet {at}: .*programme 1 .*190 octets too long"):
        scrambled(mux, tmp_path)


def test_stream_that_is_announced_already_is_announced_again_and_withdrawn_once(tmp_path):
    src, once = tmp_path / "a.ts", tmp_path / "b.ts"
    plain_stream(600).write(src)
    scramble_file(src, once, 0.5, SECRET, bytes(8))
    mux = TsBuilder()
    mux.packets = [packet for packet in packets_of(once.read_bytes()) if packet[3] < 0x80]
    for ms in range(0, 600, 20):
        mux.es(VIDEO_PID, pcr=ms * TICKS_PER_MS)
    scrambled(mux, tmp_path)
