"""The viewer's buffer: order, marks, when play begins and stops, what is counted, and its report by hand."""

import gc

from kit import HEX, raises
from settop.errors import LocalError
from settop.media.buffer import FILLING, PAUSED, PLAYING, MediaBuffer
from settop.media.feedback import EVERY_MS, LOW_MS, SOONEST_MS, Feedback
from settop.media.reception import Reception

LONG = 188
SIZE = 16 * LONG


class Sink:
    def __init__(self, most=10000):
        self.most = most
        self.data = b""

    def write(self, view):
        self.data += bytes(view[: self.most])
        return min(len(view), self.most)


def payload(number, length=LONG):
    return bytes([number & 0xFF]) * length


def put(buffer, number, now_ms=0, first=1000, step_ms=10, length=LONG):
    """Packet `number`, each step_ms of media."""
    stamp = 0xFFFFFC00 + 90 * step_ms * number & 0xFFFFFFFF
    return buffer.put(first + number & 0xFFFF, stamp, memoryview(payload(number, length)), now_ms)


def small(low_ms=20, preroll_ms=40, size=SIZE):
    return MediaBuffer(size, low_ms, preroll_ms, slots=4, slot_bytes=LONG)


def played(buffer, now_ms, sink=None):
    sink = sink or Sink()
    buffer.play(sink, now_ms)
    return [sink.data[at] for at in range(0, len(sink.data), LONG)]


def test_play_begins_after_the_pre_roll_and_each_packet_goes_when_it_is_due():
    buffer = small()
    for number in range(4):
        put(buffer, number, number)
        assert played(buffer, number) == [] and buffer.state == FILLING
    put(buffer, 4, 100)  # 40 ms behind the first one
    assert played(buffer, 100) == [0] and buffer.state == PLAYING
    assert played(buffer, 109) == []
    assert buffer.next_timer() == 110
    assert played(buffer, 131) == [1, 2, 3]
    assert (buffer.level, buffer.level_ms(131)) == (LONG, 9)


def test_reordered_packets_are_put_right():
    buffer = small()
    for number in (0, 2, 1, 4, 5, 3, 6, 7):
        assert put(buffer, number)
    assert (buffer.packets, buffer.reordered, buffer.missing) == (8, 2, 0)
    assert buffer.level == 8 * LONG
    assert played(buffer, 0) == [0]
    assert played(buffer, 70) == list(range(1, 8))


def test_late_and_double_packets_are_counted_and_dropped():
    buffer = small()
    for number in (0, 1, 3):
        put(buffer, number)
    assert not put(buffer, 1)
    assert not put(buffer, 3)  # it waits aside
    assert buffer.doubled == 2
    put(buffer, 6)  # the window is passed: 2 is given up
    assert buffer.missing == 1
    assert not put(buffer, 2)
    assert (buffer.late, buffer.doubled, buffer.packets) == (1, 2, 4)
    for number in (4, 5):
        assert put(buffer, number)
    assert played(buffer, 0) + played(buffer, 60) == [0, 1, 3, 4, 5, 6]


def test_a_gap_is_given_up_when_it_is_old_or_nothing_else_is_there():
    buffer = small()
    for number in (0, 1, 2, 3, 4, 6):
        put(buffer, number, 0)
    assert played(buffer, 40) == [0]  # begins
    assert played(buffer, 80) == [1, 2, 3, 4]
    assert buffer.missing == 0 and played(buffer, 100) == [6]  # when it is due, though 5 is missing
    assert (buffer.missing, buffer.underruns) == (1, 0)
    buffer = small(20, 1000)
    put(buffer, 0, 0)
    put(buffer, 2, 10)
    assert buffer.next_timer() == 210
    played(buffer, 209)
    assert buffer.level == LONG
    played(buffer, 210)
    assert (buffer.level, buffer.missing) == (2 * LONG, 1)


def test_a_leap_of_many_packets_costs_no_more_than_the_window():
    buffer = small()
    for number in (0, 1, 3, 2500, 2501):
        put(buffer, number)
    assert buffer.missing == 1 + 2494  # 2, and 4 to 2497
    assert not put(buffer, 2497)
    for number in (2499, 2498):
        assert put(buffer, number)
    assert buffer.level == 7 * LONG and (buffer.missing, buffer.late) == (2495, 1)


def test_sequence_numbers_and_rtp_times_wrap():
    buffer = small()
    for number in range(8):
        put(buffer, number, 0, 65533, 5)
    assert buffer.level_ms(0) == 35 and buffer.leaps == 0
    assert buffer.next_unit(0) == (65533, 0)
    assert played(buffer, 0) == []
    put(buffer, 8, 0, 65533, 5)
    assert played(buffer, 0) + played(buffer, 40) == list(range(9))
    assert buffer.next_unit(40) == (6, None)


def test_what_finds_no_room_is_an_overrun_and_what_is_there_stays():
    buffer = small()
    for number in range(16):
        assert put(buffer, number)
    assert buffer.free() == 0 and not put(buffer, 16)
    assert (buffer.overruns, buffer.level) == (1, SIZE)
    assert played(buffer, 0) + played(buffer, 150) == list(range(16))


def test_what_waits_aside_and_what_it_waits_for_has_its_room():
    buffer = small()
    for number in range(12):
        put(buffer, number)
    assert buffer.free() == 4 * LONG
    put(buffer, 14)
    assert buffer.free() == LONG  # 12 and 13 shall have theirs
    put(buffer, 13)
    assert buffer.free() == LONG
    put(buffer, 12)
    assert (buffer.free(), buffer.level) == (LONG, 15 * LONG)


def test_what_is_missing_has_the_room_of_the_longest_payload():
    buffer = MediaBuffer(SIZE, 20, 40, slots=4, slot_bytes=2 * LONG)
    for number in (0, 1, 2, 3, 6):
        put(buffer, number, length=2 * LONG)
    assert buffer.free() == (16 - 2 * 7) * LONG


def test_what_was_given_up_is_late_however_many_came_before_it():
    buffer = small()
    for number in range(72):
        if number != 66:
            put(buffer, number, 10 * number)
        played(buffer, 10 * number)
    assert buffer.missing == 1 and not put(buffer, 66, 720)
    assert (buffer.late, buffer.doubled) == (1, 0)


def test_payloads_of_other_lengths_wrap_around_the_end_intact():
    buffer = small()
    sink = Sink(100)  # takes little at a time, as a decoder does
    wanted = b""
    number = 0
    for _ in range(60):
        while buffer.free() >= LONG:
            length = 1 + (number * 37) % LONG
            put(buffer, number, 10 * number, length=length)
            wanted += payload(number, length)
            number += 1
        for _ in range(3):
            buffer.play(sink, 10 * number)
    assert number > 60 and len(sink.data) > SIZE + 2000
    assert wanted[: len(sink.data)] == sink.data
    assert buffer.overruns == 0


def test_packets_that_are_empty_or_longer_than_a_slot_are_dropped():
    buffer = small()
    assert not put(buffer, 0, length=0) and not put(buffer, 0, length=LONG + 1)
    assert buffer.misfits == 2 and buffer.level == 0


def test_many_short_packets_are_told_of_before_there_is_no_record_for_them():
    buffer = small()
    for number in range(16):
        assert put(buffer, number, length=4)
    assert buffer.level == 64 and buffer.free() == 0
    assert not put(buffer, 16, length=4)


def test_an_underrun_is_counted_once_and_the_pre_roll_begins_again():
    buffer = small()
    for number in range(5):
        put(buffer, number)
    played(buffer, 0)
    played(buffer, 40)
    assert buffer.state == PLAYING and buffer.next_timer() == 140
    played(buffer, 139)
    assert buffer.underruns == 0
    played(buffer, 140)
    assert (buffer.underruns, buffer.state) == (1, FILLING)
    for number in range(5, 9):
        put(buffer, number, 300)
        assert played(buffer, 300) == []
    put(buffer, 9, 400)
    assert played(buffer, 400) == [5] and buffer.underruns == 1


def test_a_packet_that_comes_after_its_time_is_an_underrun():
    buffer = small()
    for number in range(5):
        put(buffer, number)
    played(buffer, 0)
    played(buffer, 40)
    put(buffer, 5, 51)
    assert (buffer.underruns, buffer.state) == (1, FILLING)
    buffer = small()
    for number in range(5):
        put(buffer, number)
    played(buffer, 0)
    played(buffer, 40)
    put(buffer, 5, 50)
    assert played(buffer, 50) == [5] and buffer.underruns == 0


def test_the_end_is_no_underrun_and_needs_no_pre_roll():
    buffer = small()
    for number in (0, 1, 3):
        put(buffer, number)
    buffer.end()
    assert played(buffer, 0) == [0] and not buffer.over
    assert played(buffer, 30) == [1, 3] and buffer.over
    played(buffer, 5000)
    assert buffer.underruns == 0 and buffer.next_timer() is None


def test_a_pause_stops_the_clock_and_what_comes_after_it_follows_without_a_gap():
    buffer = small()
    for number in range(6):
        put(buffer, number)
    assert played(buffer, 0) == [0]
    buffer.pause(15)
    assert played(buffer, 1000) == [] and buffer.state == PAUSED
    assert buffer.next_unit(1000) == (1001, 0) and buffer.level_ms(1000) == 35
    buffer.join(1006)
    buffer.resume(2000)
    assert buffer.level_ms(2000) == 35
    for number in (6, 7):  # RTP time went on by two seconds
        stamp = 0xFFFFFC00 + 90 * (2000 + 10 * number) & 0xFFFFFFFF
        buffer.put(1000 + number, stamp, memoryview(payload(number)), 2000)
    assert played(buffer, 2054) == [1, 2, 3, 4, 5, 6]
    assert buffer.leaps == 0 and buffer.underruns == 0


def test_another_place_begins_empty_and_what_is_still_on_its_way_from_before_is_late():
    buffer = small()
    for number in (0, 1, 3):
        put(buffer, number)
    buffer.restart(1010)
    assert (buffer.level, buffer.free(), buffer.next_unit(0)) == (0, SIZE, (1010, None))
    assert not put(buffer, 4)
    assert buffer.late == 1
    for number in range(10, 15):
        assert put(buffer, number)
    assert played(buffer, 7) == [10]


def test_a_buffer_that_cannot_work_is_a_local_error():
    for size, low_ms, preroll_ms, slots in ((SIZE, 20, 10, 4), (7 * LONG, 1, 2, 4), (SIZE, 1, 2, 3)):
        with raises(LocalError):
            MediaBuffer(size, low_ms, preroll_ms, slots, LONG)


def test_a_buffer_without_a_packet_says_what_it_waits_for():
    buffer = small()
    assert buffer.next_unit(0) is None
    buffer.restart(77)
    assert buffer.next_unit(0) == (77, None)


def telling():
    buffer = small()
    reception = Reception(0x55667788, 1000, 0)
    return buffer, reception, Feedback(0x11223344, b"v", reception, buffer)


def feed(buffer, reception, number, now_ms=0):
    reception.take(1000 + number)
    put(buffer, number, now_ms)


def test_a_report_is_what_the_standard_lays_out():
    buffer, reception, feedback = telling()
    for number in range(6):
        feed(buffer, reception, number)
    played(buffer, 100)
    # RR of one block: nothing lost, 1005 highest; SDES; APP "PSS0": 7 ms until 1001 is played, free 10 of 16 and the
    # octets of the one that has gone: 11 * 188 = 2068 = 32 * 64 + 20
    assert feedback.report(103) == HEX(
        "81c9 0007 11223344 55667788 00 000000 000003ed 00000000 00000000 00000000"
        "81ca 0002 11223344 0101 76 00"
        "80cc 0005 11223344 50535330 55667788 0007 03e9 0000 0020"
    )
    played(buffer, 160)
    empty = feedback.report(161)
    assert empty[-12:] == HEX("55667788 ffff 03ee 0000 002f")  # 16 * 188 = 47 * 64


def test_nothing_is_told_before_a_packet_has_come_and_then_at_once():
    buffer, reception, feedback = telling()
    assert not feedback.due(10_000)
    feed(buffer, reception, 0)
    assert feedback.due(0)


def test_reports_are_due_in_time_and_sooner_where_the_buffer_changes():
    buffer, reception, feedback = telling()
    for number in range(6):
        feed(buffer, reception, number)
    feedback.report(0)
    assert not feedback.due(EVERY_MS - 1) and feedback.due(EVERY_MS)
    assert feedback.next_timer() == EVERY_MS
    for number in range(6, 8):
        feed(buffer, reception, number)
    assert not feedback.due(SOONEST_MS - 1) and feedback.due(SOONEST_MS)  # an eighth came
    feedback.report(1000)
    played(buffer, 1000)
    assert feedback.due(1000 + SOONEST_MS)  # play began
    feedback.report(1010)
    played(buffer, 1060)  # below the low mark
    feedback.report(1060)
    assert not feedback.due(1060 + LOW_MS - 1) and feedback.due(1060 + LOW_MS)


def test_the_heap_stays_as_it_is_while_packets_pass():
    try:
        from gc import mem_alloc
    except ImportError:
        return
    buffer = small()
    buffer.restart(0)
    views = [memoryview(payload(number)) for number in range(10)]

    class Taker:
        def write(self, view):
            return len(view)

    sink = Taker()

    def pass_through(first):
        for number in range(first, first + 500):
            swapped = number ^ 1  # every second one comes first
            buffer.put(swapped & 0xFFFF, 90 * 10 * swapped, views[number % 10], 10 * number)
            buffer.play(sink, 10 * number)

    pass_through(0)
    gc.collect()
    before = mem_alloc()
    pass_through(500)
    gc.collect()
    grown = mem_alloc() - before
    assert grown < 100, grown
    assert buffer.underruns == 0 and buffer.packets == 1000
