"""Which packets SRTP takes: replays, numbers that wrap and leap, late joiners, sources that both ends claim."""

from kit import HEX, raises
from settop.errors import LocalError, RemoteError
from settop.media.srtp import Session
from settop.media.srtp_stream import Window
from settop.media.srtp_suites import AES_CM_128_HMAC_SHA1_80

MASTER = bytes(range(30))
HERE, THERE = 0xCAFEBABE, 0x80000001


def session(**other):
    return Session(AES_CM_128_HMAC_SHA1_80, MASTER, **other)


def rtp(sequence, source=HERE):
    return HEX("8021") + (sequence & 0xFFFF).to_bytes(2, "big") + HEX("00000001") + source.to_bytes(4, "big") + b"load"


def rtcp(source=HERE):
    return HEX("80c90001") + source.to_bytes(4, "big")


def hidden(there, packet):
    buffer = bytearray(packet) + bytearray(20)
    return buffer[: there.protect(buffer, len(packet))]


def hidden_control(there, packet):
    buffer = bytearray(packet) + bytearray(20)
    return buffer[: there.protect_control(buffer, len(packet))]


def taken(back, packet):
    buffer = bytearray(packet)
    try:
        size = back.unprotect(buffer, len(buffer))
    except RemoteError:
        return False
    assert bytes(buffer[12:size]) == b"load"
    return True


def test_a_window_knows_the_last_numbers_and_nothing_older():
    window = Window(64)
    for number in (5, 3, 70, 69, 8, 200, 137):
        assert not window.had(number, number - window.highest)
        window.add(number, number - window.highest, 0)
    assert window.highest == 200
    for number in (200, 137, 136, 70, 0):
        assert window.had(number, number - window.highest)
    for number in (138, 199, 201):
        assert not window.had(number, number - window.highest)


def test_slots_are_free_again_when_the_window_has_passed_them():
    window = Window(64)
    for number in range(64):
        window.add(number, number - window.highest, 0)
    window.add(70, 70 - window.highest, 0)
    for number in range(71):
        assert window.had(number, number - 70) == (number < 64 or number == 70)
    window.add(70 + 64, 64, 0)
    assert [number for number in range(71, 135) if window.had(number, number - 134)] == [134]


def test_a_packet_is_taken_once_and_late_ones_as_far_as_the_window_reaches():
    there, back = session(), session()
    packets = [hidden(there, rtp(number)) for number in range(1000, 1100)]
    assert taken(back, packets[99])
    assert not taken(back, packets[99])
    assert not taken(back, packets[35])  # 64 behind
    assert taken(back, packets[36])
    assert not taken(back, packets[36])
    assert back.replayed == 3 and back.forged == 0


def test_the_roll_over_counter_follows_the_wrap_and_late_packets_belong_before_it():
    there, back = session(), session()
    numbers = (65000, 65535, 65536, 65537, 65534, 65533, 65600)
    packets = {number: hidden(there, rtp(number)) for number in sorted(numbers)}
    for number in numbers:
        assert taken(back, packets[number])
    for number in numbers[1:]:
        assert not taken(back, packets[number])
    assert back._streams[0].seen.cycles == 1


def test_many_wraps_are_followed_in_steps_of_less_than_half_a_cycle():
    there, back = session(), session()
    for number in range(0, 10 * 65536, 32767):
        assert taken(back, hidden(there, rtp(number)))
    assert back._streams[0].seen.cycles == there._streams[0].seen.cycles == 9


def test_a_leap_of_half_a_cycle_is_ahead_or_behind_as_libsrtp_has_it():
    stream = Window(64)
    stream.add(0x1000, 0x31000, 3)
    for sequence, wanted in (
        (0x1001, (3, 1)),
        (0x9000, (3, 0x8000)),
        (0x9001, (2, -0x7FFF)),
        (0xFFFF, (2, -0x1001)),
        (0x0000, (3, -0x1000)),
    ):
        assert stream.guess(sequence) == wanted
    stream.add(0x9000, 0x8000, 3)
    for sequence, wanted in (
        (0x1000, (3, -0x8000)),
        (0x0FFF, (4, 0x7FFF)),
        (0xFFFF, (3, 0x6FFF)),
        (0x8FFF, (3, -1)),
    ):
        assert stream.guess(sequence) == wanted


def test_in_the_first_half_cycle_nothing_belongs_before_it():
    stream = Window(64)
    assert stream.guess(0xFFFF) == (0, 0xFFFF)
    stream.add(0x8000, 0x8000, 0)
    assert stream.guess(0) == (0, -0x8000)
    stream.add(0x8001, 1, 0)
    assert stream.guess(0) == (1, 0x7FFF)


def test_forged_packets_move_nothing():
    there, back = session(), session()
    assert taken(back, hidden(there, rtp(100)))
    forged = hidden(there, rtp(30000))
    forged[-1] ^= 1
    for _ in range(3):
        assert not taken(back, forged)
    assert back._streams[0].seen.highest == 100
    following = hidden(there, rtp(101 + 30000))
    there, expected = session(), hidden(session(), rtp(101))
    forged = bytearray(expected)
    forged[14] ^= 1
    assert not taken(back, forged) and taken(back, expected) and not taken(back, expected)
    assert taken(back, following)
    assert taken(back, hidden(there, rtp(30102)))


def test_a_joiner_is_told_the_roll_over_counter():
    there, back = session(), session()
    there.expect(HERE, 7)
    packet = hidden(there, rtp(5))
    assert not taken(back, packet)
    back.expect(HERE, 7)
    assert taken(back, packet)
    with raises(LocalError):
        back.expect(HERE, 8)
    for first in (0, 32768, 65535):  # whatever comes first
        there, back = session(), session()
        there.expect(HERE, 7)
        back.expect(HERE, 7)
        assert taken(back, hidden(there, rtp(first)))
        assert taken(back, hidden(there, rtp(first + 1)))
        assert back._streams[0].seen.cycles == (8 if first == 65535 else 7)


def test_the_last_roll_over_counter_has_an_end():
    there, back = session(), session()
    for end in (there, back):
        end.expect(HERE, 0xFFFFFFFF)
    assert taken(back, hidden(there, rtp(65000)))
    with raises(LocalError):
        hidden(there, rtp(65536))
    assert not taken(back, rtp(65536) + bytes(10))


def test_a_sequence_number_is_protected_once():
    there = session()
    hidden(there, rtp(1000))
    for number in (1000, 936):
        with raises(LocalError):
            hidden(there, rtp(number))
    hidden(there, rtp(937))


def test_control_packets_are_counted_apart_and_taken_once():
    there, back = session(), session()
    packets = [hidden_control(there, rtcp()) for _ in range(80)]
    assert [packet[8:12] for packet in packets[:2]] == [HEX("80000001"), HEX("80000002")]

    def comes(packet):
        buffer = bytearray(packet)
        try:
            return back.unprotect_control(buffer, len(buffer)) == 8
        except RemoteError:
            return False

    assert comes(packets[0]) and comes(packets[79])
    assert not comes(packets[0]) and not comes(packets[79]) and not comes(packets[15])
    assert comes(packets[16]) and not comes(packets[16])
    assert back.replayed == 4
    there._streams[0].seen_control.highest = 0x7FFFFFFE
    assert comes(hidden_control(there, rtcp()))
    with raises(LocalError):
        hidden_control(there, rtcp())


def test_sources_have_windows_of_their_own_and_only_so_many():
    there, back = session(), session(max_streams=3)
    for source in (1, 2, 3):
        assert taken(back, hidden(there, rtp(7, source)))
        assert not taken(back, hidden(session(), rtp(7, source)))
    assert not taken(back, hidden(there, rtp(7, 4)))
    assert taken(back, hidden(there, rtp(8, 1)))
    small = session(max_streams=1)
    hidden(small, rtp(1, 1))
    for work in (lambda: hidden(small, rtp(1, 2)), lambda: hidden_control(small, rtcp(2)), lambda: small.expect(2, 0)):
        with raises(LocalError):
            work()


def test_forged_packets_of_new_sources_take_no_room():
    back = session(max_streams=1)
    for source in range(20):
        forged = hidden(Session(AES_CM_128_HMAC_SHA1_80, bytes(30)), rtp(1, source))
        assert not taken(back, forged)
    assert taken(back, hidden(session(), rtp(1, 99)))


def test_a_source_that_both_ends_claim_is_counted_and_goes_on():
    here, there = session(), session()
    hidden(here, rtp(1))
    packet = hidden(there, rtp(2))
    assert taken(here, packet)
    assert here.collisions == 1
    with raises(LocalError):
        hidden(here, rtp(2))  # its place is taken, or one key stream would serve two packets
    hidden(here, rtp(3))
    assert here.collisions == 1
    assert taken(here, hidden(there, rtp(4)))
    assert here.collisions == 2
    hidden_control(there, rtcp(THERE))
    assert there.collisions == 0


def test_what_an_end_has_sent_does_not_come_back_to_it():
    here, there = session(), session()
    mirrored = [hidden(here, rtp(1)), hidden_control(here, rtcp())]
    with raises(RemoteError):
        here.unprotect(mirrored[0], len(mirrored[0]))
    with raises(RemoteError):
        here.unprotect_control(mirrored[1], len(mirrored[1]))
    packet = [hidden_control(there, rtcp()) for _ in range(5)][4]
    here.unprotect_control(packet, len(packet))
    assert hidden_control(here, rtcp())[8:12] == HEX("80000006")  # no index serves two packets
