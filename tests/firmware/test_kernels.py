"""Both sets of kernels against each other and against a model of CBC; on CPython the plain set alone."""

import sys

import small_stream as air
from settop.crypto.aes import aes_ecb
from settop.ts import kernels_plain
from settop.ts import packet as ts

KERNELS = [kernels_plain]
if sys.implementation.name == "micropython":
    from settop.ts import kernels_viper

    KERNELS.append(kernels_viper)

KEY = bytes(range(16))


def source_of(packets):
    source = ts.new_input(len(packets))
    source[ts.IN_OFFSET :] = b"".join(packets)
    return source


def table_of():
    table = bytearray(ts.PIDS)
    table[air.ES_PID] = ts.PID_ES
    return table


def run(kernels, packets, cipher):
    """All packets through sort, pack, the cipher and unpack, run by run; what would be put out."""
    source = source_of(packets)
    plan = bytearray(ts.PLAN_BYTES)
    work = bytearray(176 * ts.MAX_RUN)
    out = bytearray(188 * ts.MAX_SLOTS)
    count = kernels.sort(source, table_of(), plan, len(packets) | 188 * len(packets) << 8)
    slot = filled = 0
    while slot < count:
        if plan[slot] < ts.ACTION_OPEN_WHOLE or plan[slot] == ts.ACTION_DAMAGED:
            slot += 1
            continue
        blocks = kernels.pack(source, work, plan, slot | count << 8)
        if blocks:
            work[: 16 * blocks] = cipher.decrypt(bytes(work[: 16 * blocks]))
        kernels.unpack(source, work, memoryview(out)[188 * filled :], plan)
        filled += plan[ts.PLAN_PACKETS]
        slot = plan[ts.PLAN_END]
    return bytes(out[: 188 * filled])


def test_every_adaptation_field_length_opens_to_what_was_scrambled():
    rng = air.Rng(1)
    cipher = aes_ecb(KEY)
    lengths = [None] + list(range(183)) + [None]
    for first in range(0, len(lengths), 32):
        clear = [air.stream_packet(rng, i, lengths[i]) for i in range(first, min(first + 32, len(lengths)))]
        sent = [air.scrambled(one, KEY, 1) for one in clear]
        for kernels in KERNELS:
            assert run(kernels, sent, cipher) == b"".join(clear), (kernels.__name__, first)


def test_whole_and_part_packets_mix_at_every_place_of_a_run():
    rng = air.Rng(2)
    cipher = aes_ecb(KEY)
    for _ in range(6):
        clear = [air.stream_packet(rng, i, None if rng.below(2) else rng.below(183)) for i in range(32)]
        sent = [air.scrambled(one, KEY, 0) for one in clear]
        for kernels in KERNELS:
            assert run(kernels, sent, cipher) == b"".join(clear), kernels.__name__


def test_sort_by_every_header_octet_says_the_same_as_the_standard():
    rng = air.Rng(3)
    table = table_of()
    table[0x11] = ts.PID_PASS
    for control in range(256):
        one = bytearray(188)
        one[0] = 0x47
        one[1] = rng.below(256) if control & 1 else 0x01
        one[2] = rng.below(256) if control & 2 else 0x00
        one[3] = control
        one[4] = (0, 1, 182, 183, 184, 255)[control % 6]
        pid = (one[1] & 0x1F) << 8 | one[2]
        if one[1] & 0x80:
            expected = ts.ACTION_DAMAGED
        elif pid != air.ES_PID:
            expected = table[pid]
        elif control < 0x40:
            expected = ts.ACTION_CLEAR
        elif control < 0x80 or not control & 0x10 or (control & 0x20 and one[4] > 182):
            expected = ts.ACTION_DAMAGED
        else:
            expected = (ts.ACTION_OPEN_PART if control & 0x20 else ts.ACTION_OPEN_WHOLE) + (control >> 6 & 1)
        for kernels in KERNELS:
            plan = bytearray(ts.PLAN_BYTES)
            assert kernels.sort(source_of([one]), table, plan, 1 | 188 << 8) == 1
            assert plan[0] == expected, (kernels.__name__, control, plan[0], expected)


def test_sort_stops_before_what_is_out_of_step():
    rng = air.Rng(4)
    for broken in range(5):
        source = source_of([air.stream_packet(rng, i) for i in range(5)])
        source[ts.IN_OFFSET + 188 * broken] = 0x48
        for kernels in KERNELS:
            plan = bytearray(ts.PLAN_BYTES)
            assert kernels.sort(source, table_of(), plan, 4 | 940 << 8) == max(0, broken - 1)
            # The octet behind the last packet counts only where it is there.
            assert kernels.sort(source, table_of(), plan, 4 | 752 << 8) == (4 if broken == 4 else max(0, broken - 1))


def test_runs_end_at_another_key_at_anything_else_and_at_their_longest():
    rng = air.Rng(5)
    for _ in range(40):
        source = source_of([air.stream_packet(rng, i, rng.below(183)) for i in range(32)])
        actions = bytes([(0, 0, 1, 2, 5, 8, 8, 8, 8, 9, 10, 10, 11, 14)[rng.below(14)] for _ in range(32)])
        for i in range(32):  # a packet's own header must agree with its action
            if actions[i] in (8, 9):
                source[ts.IN_OFFSET + 188 * i + 3] = 0x90
            elif actions[i] in (10, 11):
                source[ts.IN_OFFSET + 188 * i + 3] = 0xB0
        for first in range(32):
            if actions[first] not in (8, 9, 10, 11):
                continue
            opened = [first]
            end = first + 1
            while end < 32 and (actions[end] == 0 or actions[end] in (8, 9, 10, 11)):
                if actions[end]:
                    if (actions[end] ^ actions[first]) & 1 or len(opened) == ts.MAX_RUN:
                        break
                    opened.append(end)
                end += 1
            results = []
            for kernels in KERNELS:
                plan = bytearray(actions + bytes(3))
                work = bytearray(176 * ts.MAX_RUN)
                out = bytearray(188 * 32)
                blocks = kernels.pack(source, work, plan, first | 32 << 8)
                assert bytes(plan[32:35]) == bytes((first, end, len(opened))), kernels.__name__
                kernels.unpack(source, work, out, plan)
                results.append((blocks, work, out))
                assert not any(out[188 * len(opened) :])
                for i in range(len(opened)):
                    assert out[188 * i : 188 * i + 3] == source[16 + 188 * opened[i] :][:3]
                    assert out[188 * i + 3] < 0x40
            assert results[0] == results[-1]
        if len(KERNELS) > 1:
            break  # once is enough where it is slow


def test_copy_moves_one_packet_and_nothing_else():
    rng = air.Rng(6)
    source = source_of([air.stream_packet(rng, i) for i in range(4)])
    for kernels in KERNELS:
        for slot in range(4):
            out = bytearray(b"\x55" * 752)
            kernels.copy_packet(source, out, slot, 3 - slot)
            assert out[188 * (3 - slot) :][:188] == source[16 + 188 * slot :][:188]
            assert bytes(out[: 188 * (3 - slot)] + out[188 * (4 - slot) :]) == b"\x55" * 564
