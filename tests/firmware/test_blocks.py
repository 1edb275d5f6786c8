"""Lock keys and the counter in raw flash: what they hold, and what damage makes of them."""

from flash_model import Flash
from kit import raises
from settop.errors import LocalError, RemoteError
from settop.keystore.blocks import Counter, Locks

LOCKS = (-1, -2)
COUNTS = (-3, -4)
A, B, C = bytes(range(32)), bytes(range(100, 132)), bytes(range(200, 232))
CAPACITY = 768  # of the model's blocks of 1,024 octets
OLD = b"RCLK1\x00\x00\x00"


def _locks(flash):
    """What is found after a start."""
    return [bytes(lock) for lock in Locks(flash, LOCKS).load()]


def _counted(flash, count):
    counter = Counter(flash, COUNTS)
    for _ in range(count):
        counter.count()
    return counter.value()


def test_two_locks_are_kept_newest_first_and_a_third_takes_the_olders_place():
    flash = Flash(LOCKS)
    locks = Locks(flash, LOCKS)
    assert locks.load() == [] and locks.damaged() == 0
    locks.store(A)
    assert _locks(flash) == [A]
    locks.store(B)
    assert _locks(flash) == [B, A]
    locks.store(C)
    assert _locks(flash) == [C, B]
    assert all(A not in block for block in flash.blocks.values())
    locks.give_up()
    assert _locks(flash) == [C] and locks.damaged() == 0
    assert all(B not in block for block in flash.blocks.values())
    locks.give_up()
    assert _locks(flash) == [C]


def test_locks_are_bytearrays_of_the_callers_own():
    flash = Flash(LOCKS)
    locks = Locks(flash, LOCKS)
    locks.store(bytearray(A))
    (lock,) = locks.load()
    assert isinstance(lock, bytearray)
    lock[:] = bytes(32)
    assert _locks(flash) == [A]


def test_the_block_of_formats_3_is_the_oldest_lock_and_stays_until_it_is_forgotten():
    for index in (0, 1):
        flash = Flash(LOCKS)
        flash.blocks[LOCKS[index]][:40] = OLD + A
        before = bytes(flash.blocks[LOCKS[index]])
        locks = Locks(flash, LOCKS)
        assert _locks(flash) == [A] and locks.damaged() == 0
        locks.store(B)
        assert _locks(flash) == [B, A]
        assert bytes(flash.blocks[LOCKS[index]]) == before
        locks.give_up()
        assert _locks(flash) == [B]
        assert set(flash.blocks[LOCKS[index]]) == {0xFF}


def test_what_is_not_ours_is_neither_a_lock_nor_damage():
    """A larger image of another make may have been there before."""
    flash = Flash(LOCKS + COUNTS)
    for number in LOCKS + COUNTS:
        for at in range(flash.block_bytes):
            flash.blocks[number][at] = (at * 7 + number) & 0xFF
    locks = Locks(flash, LOCKS)
    assert locks.load() == [] and locks.damaged() == 0
    assert Counter(flash, COUNTS).value() == 0
    assert _counted(flash, 3) == 3 == Counter(flash, COUNTS).value()
    locks.store(A)
    assert _locks(flash) == [A]


def test_no_single_wrong_bit_makes_another_lock():
    flash = Flash(LOCKS)
    Locks(flash, LOCKS).store(A)
    for bit in range(48 * 8):
        spoilt = flash.copy()
        spoilt.blocks[-1][bit // 8] ^= 1 << bit % 8
        # A wrong bit in the magic alone is put up with; any other is damage.
        found, damaged = _locks(spoilt), Locks(spoilt, LOCKS).damaged()
        assert (found, damaged) == (([A], 0) if bit < 64 else ([], 1)), bit


def test_a_damaged_newest_lock_leaves_the_older_one_and_is_told():
    flash = Flash(LOCKS)
    locks = Locks(flash, LOCKS)
    locks.store(A)
    locks.store(B)
    flash.blocks[-2][20] ^= 1
    assert _locks(flash) == [A] and Locks(flash, LOCKS).damaged() == 1
    flash.blocks[-1][20] ^= 1
    assert _locks(flash) == [] and Locks(flash, LOCKS).damaged() == 2
    locks.store(C)
    locks.give_up()
    assert _locks(flash) == [C] and locks.damaged() == 0


def test_blocks_filled_with_zeros_are_damage_and_with_ones_are_blank():
    for fill, damaged in ((0x00, 2), (0xFF, 0)):
        flash = Flash(LOCKS + COUNTS)
        Locks(flash, LOCKS).store(A)
        _counted(flash, 5)
        for data in flash.blocks.values():
            data[:] = bytes((fill,)) * len(data)
        assert _locks(flash) == [] and Locks(flash, LOCKS).damaged() == damaged
        if damaged:
            with raises(RemoteError) as caught:
                Counter(flash, COUNTS).value()
            assert "provision again" in str(caught.value)
        else:
            assert Counter(flash, COUNTS).value() == 0


def test_a_lock_of_another_length_is_our_own_fault():
    flash = Flash(LOCKS)
    for lock in (b"", A[:-1], A + b"x"):
        with raises(LocalError):
            Locks(flash, LOCKS).store(lock)
    assert flash.operations == 0


def test_a_lock_that_does_not_read_back_is_refused_and_the_one_before_stays():
    flash = Flash(LOCKS)
    Locks(flash, LOCKS).store(A)
    flash.blocks[-2][30] = 0
    flash.stuck = (-2,)
    with raises(RemoteError) as caught:
        Locks(flash, LOCKS).store(B)
    assert "replace the board" in str(caught.value)
    assert _locks(flash) == [A]


def test_counts_go_on_over_starts_and_from_block_to_block():
    flash = Flash(COUNTS)
    assert Counter(flash, COUNTS).value() == 0
    total = 3 * CAPACITY + 5
    counter = Counter(flash, COUNTS)
    for number in range(1, total + 1):
        if number % 97 == 0 or number % CAPACITY < 3:
            counter = Counter(flash, COUNTS)
            assert counter.value() == number - 1
        assert counter.count() == number == counter.value()
    assert flash.erasures == 4  # one for each block begun


def test_a_look_at_a_counter_that_has_never_counted_writes_nothing():
    flash = Flash(COUNTS)
    assert Counter(flash, COUNTS).value() == 0
    assert flash.operations == 0


def test_a_half_programmed_count_is_one_and_stays_one():
    for mark in range(255):
        flash = Flash(COUNTS)
        _counted(flash, 4)
        flash.blocks[-3][256 + 4] = mark
        assert Counter(flash, COUNTS).value() == 5
        assert flash.blocks[-3][256 + 4] == 0  # settled
        assert _counted(flash, 1) == 6


def test_wrong_bits_never_turn_the_count_back():
    flash = Flash(COUNTS)
    reached = _counted(flash, CAPACITY + 20)
    for block in COUNTS:
        for at in list(range(32)) + list(range(120, 150)) + list(range(250, 300)) + [CAPACITY, CAPACITY + 255]:
            for bit in range(8):
                spoilt = flash.copy()
                spoilt.blocks[block][at] ^= 1 << bit
                assert Counter(spoilt, COUNTS).value() >= reached, (block, at, bit)


def test_a_counter_that_both_copies_of_its_header_are_gone_of_is_lost_and_not_begun_anew():
    for base in (0, CAPACITY):
        flash = Flash(COUNTS)
        _counted(flash, base + 20)
        block = flash.blocks[COUNTS[1 if base else 0]]
        block[10] ^= 1
        block[138] ^= 1
        with raises(RemoteError) as caught:
            Counter(flash, COUNTS).value()
        assert "provision again" in str(caught.value)
        with raises(RemoteError):
            Counter(flash, COUNTS).count()


def test_an_older_block_that_is_damaged_does_not_matter():
    flash = Flash(COUNTS)
    reached = _counted(flash, CAPACITY + 20)
    flash.blocks[-3][:] = bytes(1024)
    assert Counter(flash, COUNTS).value() == reached
    assert _counted(flash, CAPACITY) == reached + CAPACITY


def test_a_worn_out_block_ends_the_counting_with_what_was_reached():
    flash = Flash(COUNTS)
    _counted(flash, CAPACITY)
    flash.blocks[-4][700] = 0x7F
    flash.stuck = (-4,)
    counter = Counter(flash, COUNTS)
    for _ in range(3):
        with raises(RemoteError) as caught:
            counter.count()
        assert "worn out" in str(caught.value) and "replace the board" in str(caught.value)
        assert counter.value() == CAPACITY == Counter(flash, COUNTS).value()


def test_a_count_that_is_not_there_when_it_is_read_back_is_none():
    flash = Flash(COUNTS)
    counter = Counter(flash, COUNTS)
    counter.count()
    program = flash.program
    flash.program = lambda block, at, data: None
    with raises(RemoteError):
        counter.count()
    assert counter.value() == 1
    flash.program = program
    assert counter.count() == 2
