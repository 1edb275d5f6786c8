"""What a receiver knows of a source: probation, cycles, loss, jitter, its report (RFC 3550, A.1, A.3, A.8)."""

from settop.media.reception import Reception

SOURCE = 0xCAFEBABE


def steady(first=1000, count=2):
    reception = Reception(SOURCE, first)
    taken = [reception.take(first + number & 0xFFFF) for number in range(count)]
    assert taken == [False] + [True] * (count - 1)
    return reception


def test_two_packets_in_order_make_a_source():
    reception = Reception(SOURCE, 10)
    assert not reception.take(10)
    assert not reception.take(12)  # not the next one: it counts as the first
    assert not reception.take(20)
    assert reception.take(21)
    assert reception.received == 1 and reception.lost == 0


def test_what_a_key_has_opened_counts_from_the_first_packet_on():
    reception = Reception(SOURCE, 10, 0)
    assert reception.take(10) and reception.take(11)
    assert (reception.received, reception.lost) == (2, 0)


def test_cycles_are_counted_and_late_packets_count_for_the_one_before():
    reception = steady(65533, 3)
    assert reception.take(2) and reception.take(0) and reception.take(1)
    assert reception.extended == 0x10002
    assert reception.take(65531)  # from before the wrap
    assert reception.extended == 0x10002


def test_a_leap_counts_when_a_second_packet_confirms_it():
    reception = steady(100, 4)
    assert reception.take(100 + 2999)
    assert not reception.take(20000)
    assert not reception.take(20002)
    assert not reception.take(40000)
    assert not reception.take(20003 + 1)
    assert reception.take(20005)
    assert (reception.extended, reception.received, reception.lost) == (20005, 1, 0)


def test_losses_are_told_once_as_a_share_and_on_and_on_as_a_sum():
    reception = Reception(SOURCE, 0, 0)
    for sequence in range(256):
        if sequence % 4 != 2:
            assert reception.take(sequence)
    assert reception.lost == 64
    assert reception.report(0) == (SOURCE, 64, 64, 255, 0, 0, 0)
    for sequence in range(256, 356):
        if sequence % 10:
            reception.take(sequence)
    assert reception.report(0) == (SOURCE, 10 * 256 // 100, 74, 355, 0, 0, 0)
    assert reception.report(0)[1:3] == (0, 74)


def test_what_comes_twice_makes_the_loss_negative_and_the_share_nothing():
    reception = steady(0, 3)
    for _ in range(5):
        reception.take(2)
    assert reception.report(0)[1:3] == (0, -5)


def test_nothing_at_all_is_no_share():
    reception = steady(0, 3)
    reception.report(0)
    assert reception.report(0)[1:3] == (0, 0)


def test_jitter_is_a_sixteenth_of_each_difference_as_the_appendix_has_it():
    reception = steady()
    reception.arrived(0, 100)
    reception.arrived(3000, 3100)
    assert reception.report(0)[4] == 0
    reception.arrived(6000, 6260)  # 160 later
    assert reception.report(0)[4] == 10
    reception.arrived(9000, 9100)  # and back again
    assert reception.report(0)[4] == 19
    reception.arrived(0xFFFFFFFF, 99)  # the clock's wrap is no leap
    assert reception.report(0)[4] == 18


def test_the_last_sender_report_and_the_time_since_then_come_back():
    reception = steady()
    reception.heard(0xE5C0FFEE, 0x80123456, 10_000)
    assert reception.report(11_500)[5:] == (0xFFEE8012, 0x18000)
