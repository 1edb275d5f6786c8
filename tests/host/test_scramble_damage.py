"""Tables that change and are packed, repeated, lost or damaged on the way: at random, in two passes and in one."""

import json
import random
import struct

import pytest
from headend.ts.descrambler import descramble_file
from headend.ts.live import NotInOnePassError
from headend.ts.portions import TICKS_PER_MS
from headend.ts.scrambler import scramble_file
from headend.ts.signal.psi import Packetiser, Pat, Pmt, Stream, build_pat, build_pmt, crc32_mpeg2
from headend.ts.signal.signalling import announcing, withdrawing

from tests.helpers.on_air import packets_of, pid_of, watch
from tests.helpers.rewriting import rewritten
from tests.helpers.ts_builder import VIDEO_PID
from tests.host.test_live import live
from tests.host.test_scramble_tables import Mux, pmt

SECRET = bytes(range(16))
POOL = [0x10, 0x1F, *range(0x20, 0x2C), 0x1FF0, 0x1FEF]


def pat_in_sections(programmes, version, count):
    entries = list(programmes.items())
    parts = [entries[row::count] for row in range(count)]
    made = []
    for number, part in enumerate(parts):
        body = b"".join(struct.pack(">HH", programme, 0xE000 | pid) for programme, pid in part)
        head = struct.pack(">BHHBBB", 0, 0xB000 | (9 + len(body)), 1, 0xC1 | version << 1, number, count - 1) + body
        made.append(head + crc32_mpeg2(head).to_bytes(4, "big"))
    return made


def programme_at_random(rng, number, pool, carried, first):
    streams = [Stream(0x1B, VIDEO_PID)] if first else []
    for _ in range(min(rng.randrange(3), len(pool))):
        carried.append(pool.pop())
        streams.append(Stream(rng.choice((0x0F, 0x06, 0x0B, 2)), carried[-1], b"\x0a\x04eng\x00" * rng.randrange(6)))
    sizes = [rng.choice((0, 100, 165, 200)) for _ in range(rng.randrange(3))]
    loop = b"".join(bytes((0x80, size)) + bytes(size) for size in sizes)
    return Pmt(number, rng.randrange(32), True, VIDEO_PID, loop, tuple(streams))


def stretch(rng, mux):
    """Some 300 ms under the same tables: programmes may share a PMT PID, sections a packet; a PAT may be in two."""
    pool, carried, pat, pmts = rng.sample(POOL, 9), [], {}, []
    for row, number in enumerate(rng.sample(range(1, 6), rng.randrange(1, 4))):
        pat[number] = next(iter(pat.values())) if row and rng.random() < 0.3 else pool.pop()
        pmts.append((pat[number], programme_at_random(rng, number, pool, carried, not row)))
    version, count = rng.randrange(32), rng.choice((1, 1, 2))
    for ms in range(0, rng.choice((200, 400)), 20):
        if ms % 100 == 0:
            for section in pat_in_sections(pat, version, count):
                mux.sections(0, section)
            if len(set(pat.values())) == 1 and rng.random() < 0.5:
                mux.sections(pmts[0][0], *[build_pmt(one) for _, one in pmts])
            else:
                for pid, one in pmts:
                    mux.sections(pid, build_pmt(one))
        mux.es(VIDEO_PID, pcr=mux.ms * TICKS_PER_MS)
        for pid in carried:
            mux.es(pid)
        if rng.random() < 0.3:
            mux.null()
        mux.ms += 20


def harmed(rng, packets, how):
    """One packet in ten that begins a table."""
    out = []
    for packet in packets:
        hit = packet[1] & 0x40 and rng.random() < 0.1
        if hit and how == "damaged":
            packet = packet[:1] + bytes((packet[1] | 0x80,)) + packet[2:]
        elif hit and how == "wrong":
            packet = packet[:8] + bytes((packet[8] ^ 1,)) + packet[9:]
        out += [packet] * (0 if hit and how == "lost" else 2 if hit and how == "twice" else 1)
    return out


def assert_protected(data):
    seen = watch(data)
    assert not seen.clear
    assert not seen.unannounced
    return seen


@pytest.mark.parametrize("how", ["whole", "twice", "lost", "damaged", "wrong"])
@pytest.mark.parametrize("seed", range(12))
def test_nothing_is_clear_or_unannounced_whatever_becomes_of_the_tables(seed, how, tmp_path):
    rng, mux = random.Random(seed), Mux(seed)
    for _ in range(rng.randrange(2, 6)):
        stretch(rng, mux)
    mux.packets = harmed(rng, mux.packets, how)
    src, out, keys, back = (tmp_path / name for name in ("in.ts", "out.ts", "keys.json", "back.ts"))
    mux.write(src)
    result = scramble_file(src, out, 0.3, SECRET, bytes(8))
    seen = assert_protected(out.read_bytes())
    assert not seen.ca_pids & seen.named
    keys.write_text(json.dumps(result.as_json()))
    assert descramble_file(out, back, keys).left_scrambled == 0
    tables = {0x1FFF, *(pid for pid in POOL)}
    streams = [[one for one in packets_of(path.read_bytes()) if pid_of(one) not in tables] for path in (src, back)]
    assert streams[0] == streams[1]
    try:
        assert_protected(live(mux.bytes(), 0.3, seed=seed)[1])
    except NotInOnePassError:
        assert mux.ms < 1000  # over before the tables of every programme had come: such a stream is read twice


def test_whole_section_beside_a_broken_one_is_announced_and_both_come_back():
    sections = [
        build_pmt(pmt(Stream(0x1B, 0x100), programme=1)),
        build_pmt(Pmt(2, 0, True, 0x100, b"\x80\xc8" * 200, ())),
    ]
    packets = Packetiser(0x1000).packets(*sections)
    assert len(packets) == 3
    after = Packetiser(0x1000, cc=3).packets(sections[0])
    broken = [*packets[:1], *packets[2:], *after]
    made, given_up = rewritten(broken, announcing([1, 2], 0x1FF0, 1))
    assert not given_up
    assert b"\x09\x09\xff\xfe\xff\xf0" in made[0]
    assert rewritten(made, withdrawing())[0] == broken


def test_duplicate_of_a_pmt_that_keeps_its_size_is_one_again_and_of_one_that_grew_goes():
    small = Packetiser(0x1000).packets(build_pmt(pmt(Stream(0x1B, 0x100))))
    made, _ = rewritten(small * 2, announcing([1], 0x1FF0, 1))
    assert made[0] == made[1] != small[0]
    assert rewritten(made, withdrawing())[0] == small * 2
    large = Packetiser(0x1000).packets(build_pmt(Pmt(1, 0, True, 0x100, b"\x80\x98" + bytes(152), ())))
    made, _ = rewritten(large * 2, announcing([1], 0x1FF0, 1))
    assert [packet[3] & 15 for packet in made] == [0, 1]


def test_section_with_a_wrong_crc_keeps_its_place_between_whole_ones():
    good = build_pmt(pmt(Stream(0x1B, 0x100)))
    wrong = good[:-1] + bytes((good[-1] ^ 1,))
    packets = Packetiser(0x1000).packets(good, wrong, good)
    made, given_up = rewritten(packets, announcing([1], 0x1FF0, 1))
    assert not given_up
    assert made[0].count(b"\x09\x09\xff\xfe\xff\xf0") == 2
    assert wrong in made[0]
    assert rewritten(made, withdrawing())[0] == packets


def test_pat_in_sections_drops_a_programme_when_all_of_them_are_there(tmp_path):
    mux = Mux()
    first = {1: 0x1000, 2: 0x1001}
    other = (0x1001, pmt(Stream(0x0F, 0x300), programme=2))
    for pat, version in ((first, 0), ({1: 0x1000, 3: 0x1002}, 1)):
        for section in pat_in_sections(pat, version, 2):
            mux.sections(0, section)
        mux.stretch(None, [(0x1000, pmt(Stream(0x1B, VIDEO_PID))), other], [0x300], ms=300)
    src, out = tmp_path / "in.ts", tmp_path / "out.ts"
    mux.write(src)
    scramble_file(src, out, 0.5, SECRET, bytes(8))
    assert_protected(out.read_bytes())


def test_single_section_pat_is_what_build_pat_makes():
    assert pat_in_sections({1: 0x1000, 2: 0x20}, 3, 1) == [build_pat(Pat(1, 3, True, {1: 0x1000, 2: 0x20}))]
