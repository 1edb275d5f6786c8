from kit import raises
from settop.crypto.entropy import Drbg
from settop.errors import LocalError


def test_the_same_seed_gives_the_same_bytes():
    assert Drbg(b"device", b"\x01").random(100) == Drbg(b"device", b"\x01").random(100)


def test_the_next_boot_repeats_nothing_though_the_boards_random_bytes_do():
    seen = set()
    for boot in range(20):
        drbg = Drbg(b"device seed", boot.to_bytes(4, "big"), b"same urandom", b"same ticks")
        for _ in range(5):
            seen.add(drbg.random(13))
    assert len(seen) == 100


def test_where_one_part_ends_and_the_next_begins_matters():
    assert Drbg(b"ab", b"c").random(16) != Drbg(b"a", b"bc").random(16)
    assert Drbg(b"ab").random(16) != Drbg(b"ab", b"").random(16)


def test_every_length_is_served_and_blocks_differ():
    for n in (0, 1, 31, 32, 33, 64, 100):
        assert len(Drbg(b"s").random(n)) == n
    long = Drbg(b"s").random(96)
    assert len({long[:32], long[32:64], long[64:]}) == 3


def test_draws_go_on_from_each_other():
    drbg = Drbg(b"s")
    first = drbg.random(32)
    state = bytes(drbg._state)
    assert drbg.random(32) != first
    assert drbg._state != state


def test_fill_writes_what_random_would_return():
    buf = bytearray(50)
    Drbg(b"s").fill(memoryview(buf)[5:45])
    assert bytes(buf) == bytes(5) + Drbg(b"s").random(40) + bytes(5)


def test_reseeding_changes_what_follows():
    plain = Drbg(b"s")
    reseeded = Drbg(b"s")
    reseeded.reseed(b"more")
    assert plain.random(16) != reseeded.random(16)


def test_ones_and_zeros_are_balanced():
    # 4,096 bytes: 16,384 ones expected with a standard deviation of 91; the seed is fixed, so this cannot
    # flicker.
    data = Drbg(b"balance").random(4096)
    ones = sum(bin(byte).count("1") for byte in data)
    assert abs(ones - 16384) < 400
    assert len(set(data)) == 256


def test_no_seed_is_refused_and_a_wiped_generator_gives_nothing():
    for parts in ((), (b"",), (b"", b"")):
        with raises(LocalError):
            Drbg(*parts)
    drbg = Drbg(b"s")
    drbg.wipe()
    for use in (lambda: drbg.random(1), lambda: drbg.reseed(b"x"), lambda: drbg.fill(bytearray(1))):
        with raises(LocalError):
            use()
    drbg.wipe()
