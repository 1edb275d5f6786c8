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
    """All packets through sort, reach, pack, the cipher and unpack, run by run; what would be put out."""
    source = source_of(packets)
    plan = bytearray(ts.MAX_SLOTS)
    work = ts.new_work(ts.MAX_RUN)
    out = bytearray(188 * ts.MAX_SLOTS)
    count = kernels.sort(source, table_of(), plan, len(packets) | 188 * len(packets) << 8) & 0xFF
    slot = filled = 0
    while slot < count:
        if plan[slot] < ts.ACTION_OPEN_WHOLE or plan[slot] == ts.ACTION_DAMAGED:
            slot += 1
            continue
        reached = kernels.reach(plan, slot | count << 8 | ts.MAX_RUN << 16)
        blocks = kernels.pack(source, work, plan, slot | (reached & 0xFF) << 8)
        if blocks:
            end = ts.WORK_HEAD + 16 * blocks
            work[ts.WORK_HEAD : end] = cipher.decrypt(bytes(work[ts.WORK_HEAD : end]))
        kernels.unpack(source, work, memoryview(out)[188 * filled :], plan)
        filled += reached >> 8 & 0xFF
        slot = reached & 0xFF
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
            plan = bytearray(1)
            assert kernels.sort(source_of([one]), bytearray(table), plan, 1 | 188 << 8) == 1
            assert plan[0] == expected, (kernels.__name__, control, plan[0], expected)


def test_sort_stops_before_what_is_out_of_step():
    rng = air.Rng(4)
    for broken in range(5):
        source = source_of([air.stream_packet(rng, i) for i in range(5)])
        source[ts.IN_OFFSET + 188 * broken] = 0x48
        for kernels in KERNELS:
            plan = bytearray(4)
            assert kernels.sort(source, table_of(), plan, 4 | 940 << 8) == max(0, broken - 1)
            # The octet behind the last packet counts only where it is there.
            assert kernels.sort(source, table_of(), plan, 4 | 752 << 8) == (4 if broken == 4 else max(0, broken - 1))


def counted(counters, more=()):
    """Packets of one PID with these continuity counters; `more`: (place, octet, value) to set."""
    packets = [bytearray(air.packet(air.ES_PID, counter, bytes(184))) for counter in counters]
    for place, octet, value in more:
        packets[place][octet] = value
    return packets


def lost(kernels, batches, table=None):
    """How many packets sort() finds missing, over several batches."""
    table = table or table_of()
    found = 0
    for packets in batches:
        given = kernels.sort(source_of(packets), table, bytearray(len(packets)), len(packets) | 188 * len(packets) << 8)
        assert given & 0xFF == len(packets)
        found += given >> 8
    return found


def test_gaps_in_the_continuity_counter_are_counted_within_a_batch_and_between_two():
    for kernels in KERNELS:
        assert lost(kernels, [counted((3, 4, 5)), counted((6, 7))]) == 0
        assert lost(kernels, [counted((14, 15, 0, 1))]) == 0
        assert lost(kernels, [counted((3, 5, 6, 9))]) == 3
        assert lost(kernels, [counted((3, 4)), counted((6,)), counted((5,))]) == 1 + 14


def test_a_packet_sent_twice_and_one_without_payload_are_no_gaps():
    for kernels in KERNELS:
        assert lost(kernels, [counted((3, 3, 4))]) == 0
        assert lost(kernels, [counted((3, 3, 4), ((1, 3, 0x23), (1, 4, 183)))]) == 0
        assert lost(kernels, [counted((3, 9, 4), ((1, 3, 0x29), (1, 4, 183)))]) == 0


def test_an_announced_discontinuity_is_no_gap_and_another_flag_is():
    for kernels in KERNELS:
        for flags, expected in ((0x80, 0), (0x40, 5)):
            batch = counted((3, 9, 10), ((1, 3, 0x39), (1, 4, 1), (1, 5, flags)))
            assert lost(kernels, [batch]) == expected
        # Announced by a packet without payload, and an adaptation field of length 0 has no flags.
        assert lost(kernels, [counted((3, 4, 9), ((1, 3, 0x24), (1, 4, 183), (1, 5, 0x80)))]) == 0
        assert lost(kernels, [counted((3, 9), ((1, 3, 0x39), (1, 4, 0), (1, 5, 0x80)))]) == 5


def test_each_pid_has_its_own_counter_and_dropped_and_damaged_packets_none():
    table = table_of()
    table[0x11] = ts.PID_PASS
    for kernels in KERNELS:
        batch = [
            air.packet(air.ES_PID, 3, bytes(184)),
            air.packet(0x11, 9, bytes(184)),
            air.packet(0x333, 1, bytes(184)),
        ]
        batch += [
            air.packet(air.ES_PID, 4, bytes(184)),
            air.packet(0x11, 10, bytes(184)),
            air.packet(0x333, 7, bytes(184)),
        ]
        octets = bytearray(table)
        assert lost(kernels, [batch], octets) == 0
        assert (octets[air.ES_PID] & ts.PID_KIND, octets[0x11] & ts.PID_KIND) == (ts.PID_ES, ts.PID_PASS)
        assert octets[0x333] == ts.PID_DROP
        assert lost(kernels, [counted((3, 9, 4), ((1, 1, 0x81),))]) == 0


def test_a_run_reaches_to_another_key_to_anything_else_or_to_the_most_that_is_asked():
    rng = air.Rng(5)
    for _ in range(40):
        source = source_of([air.stream_packet(rng, i, rng.below(183)) for i in range(32)])
        actions = bytearray([(0, 0, 1, 2, 5, 6, 7, 8, 8, 8, 8, 9, 10, 10, 11, 14)[rng.below(16)] for _ in range(32)])
        if rng.below(2):  # long runs are rare otherwise
            for i in range(4, 30):
                actions[i] = (0, 8, 10)[rng.below(3)]
        for i in range(32):  # a packet's own header must agree with its action
            if actions[i] in (8, 9):
                source[ts.IN_OFFSET + 188 * i + 3] = 0x90
            elif actions[i] in (10, 11):
                source[ts.IN_OFFSET + 188 * i + 3] = 0xB0
        for first in range(32):
            if actions[first] not in (8, 9, 10, 11):
                continue
            most = (1, 5, ts.MAX_RUN)[rng.below(3)]
            opened = [first]
            end = first + 1
            while end < 32 and (actions[end] == 0 or actions[end] in (8, 9, 10, 11)):
                if actions[end]:
                    if (actions[end] ^ actions[first]) & 1 or len(opened) == most:
                        break
                    opened.append(end)
                end += 1
            middle = opened[(len(opened) + 1) // 2 - 1] + 1
            results = []
            for kernels in KERNELS:
                work = ts.new_work(ts.MAX_RUN)
                out = bytearray(188 * 32)
                reached = kernels.reach(actions, first | 32 << 8 | most << 16)
                assert reached == end | len(opened) << 8 | middle << 16, kernels.__name__
                blocks = kernels.pack(source, work, actions, first | end << 8)
                kernels.unpack(source, work, out, actions)
                results.append((blocks, work, out))
                assert not any(out[188 * len(opened) :])
                for i in range(len(opened)):
                    assert out[188 * i : 188 * i + 3] == source[16 + 188 * opened[i] :][:3]
                    assert out[188 * i + 3] < 0x40
            assert results[0] == results[-1]
        if len(KERNELS) > 1:
            break  # once is enough where it is slow


def test_the_halves_of_a_run_hold_all_of_its_packets_and_fit_a_work_buffer():
    rng = air.Rng(7)
    for _ in range(air.times(200)):
        plan = bytearray([(0, 8, 10, 9)[rng.below(4) if rng.below(20) == 0 else rng.below(3)] for _ in range(32)])
        plan[0] = 8
        for kernels in KERNELS:
            reached = kernels.reach(plan, 0 | 32 << 8 | 2 * ts.MAX_RUN << 16)
            end, packets, middle = reached & 0xFF, reached >> 8 & 0xFF, reached >> 16
            halves = [sum([1 for i in range(*span) if plan[i]]) for span in ((0, middle), (middle, end))]
            assert halves == [(packets + 1) // 2, packets // 2]
            assert max(halves) <= ts.MAX_RUN


def test_an_octet_that_is_set_is_seen_and_one_that_is_not_is_not_awaited_for_ever():
    for kernels in KERNELS:
        assert kernels.await_octet(bytearray((7, 0)), 3) == 7
        assert kernels.await_octet(bytearray((0, 7)), 3) == 0


def test_copy_moves_one_packet_and_nothing_else():
    rng = air.Rng(6)
    source = source_of([air.stream_packet(rng, i) for i in range(4)])
    for kernels in KERNELS:
        for slot in range(4):
            out = bytearray(b"\x55" * 752)
            kernels.copy_packet(source, out, slot, 3 - slot)
            assert out[188 * (3 - slot) :][:188] == source[16 + 188 * slot :][:188]
            assert bytes(out[: 188 * (3 - slot)] + out[188 * (4 - slot) :]) == b"\x55" * 564
