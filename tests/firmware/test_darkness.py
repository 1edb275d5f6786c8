"""Why the picture is dark: each cause seen from a stream that has it, and when what was paid for counts as dark."""

import small_stream as air
from player_rig import Rig, content
from settop.player.darkness import STARTS, Darkness
from settop.services.call.paid import PaidDark
from settop.wire import dark
from settop.wire.offer import Offer, pack_offer

PAT = air.section_packets(0, air.pat(((1, air.PMT_PID),)))


def pes(rng, counter, portion, key=None, field=None, parity=None):
    """A scrambled packet that begins a PES packet."""
    payload = b"\x00\x00\x01\xe0" + rng.octets((184 if field is None else 183 - len(field)) - 4)
    one = air.packet(air.ES_PID, counter, payload, field, start=True)
    return air.scrambled(one, key or air.key_of(portion), portion & 1 if parity is None else parity)


def watched(rig):
    darkness = Darkness(rig.player)
    darkness.look()
    return darkness


def cause_of(rig, data):
    """The cause that a look finds behind `data`."""
    darkness = watched(rig)
    rig.flush(data)
    return darkness.look()


def test_a_silent_tuner_and_missing_tables_are_told_apart():
    rig = Rig()
    assert Darkness(rig.player).cause == dark.NO_STREAM
    assert cause_of(rig, b"") == dark.NO_STREAM
    assert cause_of(rig, b"".join([air.packet(0x11, i, bytes(184)) for i in range(4)])) == dark.NO_PAT
    assert cause_of(rig, PAT) == dark.NO_PMT
    assert cause_of(rig, air.section_packets(air.PMT_PID, air.pmt())) == dark.NO_ECM
    assert cause_of(rig, air.ecm_packet(4)) == dark.NO_KEY
    assert cause_of(rig, b"") == dark.NO_STREAM


def test_foreign_ca_and_none_at_all_are_not_ours():
    for descriptors in (b"", b"\x09\x04\x0b\x00\xe1\x23", air.ca_descriptor()[:2] + b"\x0b\x00" + bytes(7)):
        rig = Rig()
        rig.flush(PAT)
        assert cause_of(rig, air.section_packets(air.PMT_PID, air.pmt(descriptors=descriptors))) == dark.NOT_OURS
    # As long as one of several PMTs is missing it may be the one with ours.
    rig = Rig()
    rig.flush(air.section_packets(0, air.pat(((1, air.PMT_PID), (2, 0x1001)))))
    assert cause_of(rig, air.section_packets(air.PMT_PID, air.pmt(descriptors=b""))) == dark.NO_PMT


def test_an_ecm_of_elsewhere_that_shuts_the_keys_counts_as_none():
    rig = Rig((0,)).tune()
    assert cause_of(rig, air.ecm_packet(7)) == dark.NO_ECM


def test_the_right_key_makes_it_clear_and_a_wrong_one_is_told_from_it():
    rng = air.Rng(21)
    for field in (None, b"\x00", b"\x00" + b"\xff" * 100):
        for portion in (0, 1):
            rig = Rig((portion,)).tune(portion)
            assert cause_of(rig, [pes(rng, i, portion, None, field) for i in range(3)]) == dark.CLEAR
            wrong = rng.octets(16)
            assert cause_of(rig, [pes(rng, i, portion, wrong, field) for i in range(3, 6)]) == dark.WRONG_KEY
            assert rig.player.opened == 6


def test_one_damaged_beginning_among_good_ones_is_no_wrong_key():
    rng = air.Rng(22)
    rig = Rig((0,)).tune()
    assert cause_of(rig, [pes(rng, 0, 0), pes(rng, 1, 0, rng.octets(16)), pes(rng, 2, 0)]) == dark.CLEAR
    assert rig.player.starts.wrong == 1


def test_opened_packets_that_begin_nothing_leave_it_open_and_are_given_the_benefit_of_the_doubt():
    _, sent = content(air.Rng(23), 9, 0)
    rig = Rig((0,)).tune()
    darkness = watched(rig)
    rig.flush(sent)
    assert darkness.look() is None and darkness.cause == dark.CLEAR
    # A payload under 16 octets is clear on air: it tells nothing of the key.
    rng = air.Rng(24)
    rig.flush([pes(rng, 9 + i, 0, rng.octets(16), b"\x00" + b"\xff" * 170) for i in range(3)])
    assert rig.player.starts.wrong == 0 and darkness.look() is None


def test_doubt_does_not_take_back_that_the_key_was_wrong():
    rng = air.Rng(25)
    rig = Rig((0,)).tune()
    darkness = watched(rig)
    rig.flush(pes(rng, 0, 0, rng.octets(16)))
    assert darkness.look() == dark.WRONG_KEY
    rig.flush(content(rng, 3, 0, 1)[1])
    assert darkness.look() is None and darkness.cause == dark.WRONG_KEY


def test_no_more_beginnings_are_judged_between_two_looks_than_it_takes():
    rng = air.Rng(26)
    rig = Rig((0,)).tune()
    rig.flush([pes(rng, i, 0) for i in range(16)])
    assert (rig.player.starts.good, rig.player.starts.left) == (STARTS, 0)
    Darkness(rig.player).look()
    assert rig.player.starts.left == STARTS


def test_packets_of_the_other_parity_alone_are_a_wrong_parity():
    rng = air.Rng(27)
    rig = Rig((0, 1)).tune(remaining_ms=60000)
    assert cause_of(rig, [pes(rng, i, 0, None, None, 1) for i in range(5)]) == dark.WRONG_PARITY
    assert rig.player.dark == 5


def test_streams_that_bring_nothing_scrambled_are_named():
    rig = Rig((0,)).tune()
    assert cause_of(rig, [air.ecm_packet(0, 900, 1), air.packet(0x11, 0, bytes(184))]) == dark.NOTHING_SCRAMBLED
    rng = air.Rng(28)
    assert cause_of(rig, [air.stream_packet(rng, i) for i in range(4)]) == dark.NOTHING_SCRAMBLED


def test_random_packets_and_keys_never_stop_a_look():
    rng = air.Rng(29)
    rig = Rig((0, 1)).tune(remaining_ms=60000)
    darkness = Darkness(rig.player)
    for _ in range(air.times(40)):
        for _ in range(3):
            head = bytes((0x47, rng.below(256), rng.below(256), rng.below(256)))
            rig.feed(head[:1] + bytes((head[1] & 0x40 | 1, 0)) + head[3:] + rng.octets(184))
        cause = darkness.look()
        assert cause is None or 0 <= cause < len(dark.WORDS)


# --- the price on air ---------------------------------------------------------------------------------------------


def priced(offer, version=0):
    data = pack_offer(offer)
    one = air.ca_descriptor()
    return air.pmt(descriptors=one[:1] + bytes((one[1] + len(data),)) + one[2:] + data, version=version)


def test_the_price_on_air_is_known_as_soon_as_the_table_is_and_changes_with_it():
    rig = Rig((0,))
    assert rig.player.offer is None
    rig.tune(pmt=priced(Offer(25, "EUR", "evening", 20)))
    offer = rig.player.offer
    assert (offer.price, offer.set_up, offer.currency, offer.tariff) == (25, 20, "EUR", "evening")
    clear, sent = content(air.Rng(30), 6, 0)
    # Another price shuts nothing: the keys are the same.
    out = rig.flush(sent[:3] + air.section_packets(air.PMT_PID, priced(Offer(30, "EUR", "night"), 1), 1) + sent[3:])
    assert out.count(clear[5]) == 1 and rig.player.offer.price == 30
    rig.flush(air.section_packets(air.PMT_PID, air.pmt(version=2), 2))
    assert rig.player.offer is None


# --- when it counts -----------------------------------------------------------------------------------------------


def looks(cause, positions, paid=None):
    """The claim of the first look that makes one, and after how many ms of looks each 500 ms; None if none does.

    `cause`: of each look, or what gives it by the look's number, or a list that is gone through again and again.
    """
    paid = paid or PaidDark()
    for i, position in enumerate(positions):
        this = cause(i) if callable(cause) else cause[i % len(cause)] if isinstance(cause, list) else cause
        claim = paid.look(this, position, 500 * i)
        if claim is not None:
            return claim, 500 * i
    return None


def portions(ms, count=200, first=3, start_ms=0):
    """What is on air at looks each 500 ms."""
    return [first + (start_ms + 500 * i) // ms for i in range(count)]


def test_two_portions_or_ten_seconds_in_the_dark_whichever_is_less():
    assert looks(dark.WRONG_KEY, portions(2000)) == ((3, 5), 4000)
    assert looks(dark.WRONG_KEY, portions(4000, start_ms=1000)) == ((3, 5), 8000)
    assert looks(dark.NO_ECM, portions(60000)) == ((3, 3), 10000)
    assert looks(dark.NO_ECM, portions(10000, start_ms=5000)) == ((3, 4), 10000)


def test_what_opened_in_between_begins_the_count_anew():
    for causes in ([dark.CLEAR] + [dark.WRONG_PARITY] * dark_looks for dark_looks in (2, 6, 18)):
        assert looks(causes, portions(10000)) is None
    assert looks(lambda i: dark.CLEAR if i == 6 else dark.NO_PMT, portions(2000)) == ((5, 6), 7500)


def test_portion_of_which_something_was_clear_is_not_claimed():
    clear_first = lambda i: dark.CLEAR if i < 4 else dark.NO_STREAM  # noqa: E731
    assert looks(clear_first, portions(60000)) == ((4, 4), 12000)
    assert looks(clear_first, portions(10000, start_ms=9000)) == ((5, 5), 12000)


def test_time_without_a_key_and_time_in_doubt_do_not_count():
    assert looks(dark.NO_KEY, [None] * 100) is None
    assert looks(None, portions(2000)) is None
    positions = [p if i % 2 else None for i, p in enumerate(portions(60000))]
    assert looks(dark.NO_ECM, positions)[1] >= 19000


def test_one_forged_table_a_portion_never_makes_a_claim():
    """It shuts until the true one comes: half a second, of portions of 0.8 s."""
    position = portions(800, 400)
    assert looks(lambda i: dark.NOT_OURS if i and position[i] != position[i - 1] else dark.CLEAR, position) is None
    # A whole second and a half of it, now and then, neither.
    assert looks(lambda i: dark.CLEAR if i % 4 == 0 else dark.NOT_OURS, position) is None


def test_short_portions_that_had_nothing_to_send_are_given_ten_seconds():
    assert looks(dark.NOTHING_SCRAMBLED, portions(1000)) == ((3, 13), 10000)


def test_a_board_that_was_busy_counts_no_time_that_it_has_not_seen():
    paid = PaidDark()
    assert paid.look(dark.NO_ECM, 3, 0) is None
    assert paid.look(dark.NO_ECM, 3, 60000) is None
