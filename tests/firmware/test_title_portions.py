"""Portions of Common Encryption: kernels against each other, and samples of any length against AES block by block."""

import sys

from settop.crypto.aes import aes_ecb
from settop.titles import kernels_plain
from settop.titles.portions import CBCS, CENC, PORTION_BYTES, Portions

KERNELS = [kernels_plain]
if sys.implementation.name == "micropython":
    from settop.titles import kernels_viper

    KERNELS.append(kernels_viper)

KEY = bytes(range(16))


class Random:
    """A small generator: MicroPython's own differs from port to port."""

    def __init__(self, seed):
        self._state = seed * 2654435761 & 0x7FFFFFFF | 1

    def below(self, limit):
        self._state = self._state * 1103515245 + 12345 & 0x7FFFFFFF
        return (self._state >> 8) % limit

    def octets(self, count):
        return bytearray([self.below(256) for _ in range(count)])


def by_block(octets, decrypts=False):
    cipher = aes_ecb(KEY)
    return cipher.decrypt(bytes(octets)) if decrypts else cipher.encrypt(bytes(octets))


def xored(one, other):
    return bytes([a ^ b for a, b in zip(one, other)])


def counted(iv, ranges):
    """Counter mode over the ranges of a sample, octet by octet of its definition (23001-7, 9.5)."""
    block = bytearray(iv) + bytes(16 - len(iv))
    fixed, count = bytes(block[:8]), int.from_bytes(block[8:], "big")
    stream = b""
    while len(stream) < sum([len(one) for one in ranges]):
        stream += by_block(fixed + (count % (1 << 64)).to_bytes(8, "big"))
        count += 1
    found, at = [], 0
    for one in ranges:
        found.append(xored(one, stream[at : at + len(one)]))
        at += len(one)
    return found


def chained(iv, one, crypt, skip):
    """One range under `cbcs`, opened block by block (23001-7, 9.6 and 10.4)."""
    last = bytes(iv) + bytes(16 - len(iv))
    found = b""
    for number in range(len(one) // 16):
        block = bytes(one[16 * number : 16 * number + 16])
        if not skip or number % (crypt + skip) < crypt:
            found += xored(by_block(block, True), last)
            last = block
        else:
            found += block
    return found + bytes(one[len(found) :])


def opened(portions, iv, ranges):
    """What `portions` makes of a sample."""
    portions.begin(iv, 0, len(iv))
    found = []
    for one in ranges:
        portions.begin_range()
        clear, at = b"", 0
        while at < len(one):
            start = portions.phase
            count = min(PORTION_BYTES - start, len(one) - at)
            portions.buffer[start : start + count] = one[at : at + count]
            portions.open(start + count)
            clear += bytes(portions.buffer[start : start + count])
            at += count
        found.append(clear)
    return found


SIZES = (1, 15, 16, 17, 31, 64, 100, PORTION_BYTES - 1, PORTION_BYTES, PORTION_BYTES + 1, 2100)


def test_kernels_count_alike_and_wrap():
    for kernels in KERNELS:
        for start in (0, 0xFE, 0xFFFFFFFE, 0xFFFFFFFFFFFFFFFE):
            counter = bytearray(b"abcdefgh" + start.to_bytes(8, "big"))
            out = bytearray(80)
            kernels.counters(counter, out, 4 | 3 << 16)
            for number in range(4):
                value = (start + number) & 0xFFFFFFFFFFFFFFFF
                assert out[16 * number : 16 * number + 16] == b"abcdefgh" + value.to_bytes(8, "big"), kernels.__name__
            assert counter == out[48:64] and out[64:] == bytes(16)


def test_kernels_change_whole_words_and_nothing_else():
    rng = Random(2)
    for kernels in KERNELS:
        for words in (0, 1, 3, 4, 5, 8, 9):
            one, other = rng.octets(48), rng.octets(48)
            wanted = xored(one[: 4 * words], other) + bytes(one[4 * words :])
            kernels.xor(one, other, words)
            assert one == wanted, kernels.__name__


def test_kernels_undo_a_chain_where_it_lies_and_remember_its_last_block():
    rng = Random(6)
    for count in (1, 3, 4):
        buffer, made, chain = rng.octets(64), rng.octets(64), rng.octets(32)
        before = bytes(chain[:16])
        for fresh in (1, 0):
            hidden = bytes(buffer[: 16 * count])
            wanted = xored(made[: 16 * count], before + hidden) + bytes(buffer[16 * count :])
            for kernels in KERNELS:
                one, other = bytearray(buffer), bytearray(chain)
                kernels.unchain(one, made, other, count | fresh << 16)
                assert one == wanted and other == chain[:16] + hidden[-16:], kernels.__name__
            before, buffer, chain = hidden[-16:], bytearray(one), bytearray(other)


def test_kernels_take_a_patterns_blocks_out_and_put_them_back_unchained():
    rng = Random(7)
    for blocks, place, crypt, skip in (
        (6, 0, 1, 9),
        (6, 9, 1, 9),
        (5, 1, 2, 1),
        (4, 3, 2, 2),
        (3, 4, 1, 9),
        (0, 0, 1, 1),
    ):
        span = blocks | place << 8 | crypt << 16 | skip << 20
        places = [16 * i for i in range(blocks) if (place + i) % (crypt + skip) < crypt]
        buffer, chain, clear = rng.octets(112), rng.octets(32), rng.octets(112)
        taken = b"".join([bytes(buffer[at : at + 16]) for at in places])
        for fresh in (1, 0):
            hidden = bytes(chain[0:16] if fresh else chain[16:32]) + taken
            wanted = bytearray(buffer)
            for number, at in enumerate(places):
                wanted[at : at + 16] = xored(clear[16 * number : 16 * number + 16], hidden[16 * number :])
            for kernels in KERNELS:
                made, one, other = bytearray(112), bytearray(buffer), bytearray(chain)
                assert kernels.gather(one, made, span) == len(places), kernels.__name__
                assert one == buffer and made == taken + bytes(112 - len(taken)), kernels.__name__
                kernels.scatter(one, clear, other, span | fresh << 24)
                assert one == wanted and other == chain[:16] + hidden[-16:], kernels.__name__


def test_counter_mode_runs_on_from_range_to_range():
    rng = Random(3)
    portions = Portions(CENC, KEY, 0, 0)
    for iv in (rng.octets(8), rng.octets(16), b"\xff" * 16):
        for size in SIZES:
            ranges = [rng.octets(size), rng.octets(5), rng.octets(37), rng.octets(size)]
            assert opened(portions, iv, ranges) == counted(iv, ranges), size


def test_chained_blocks_begin_anew_in_each_range():
    rng = Random(4)
    portions = Portions(CBCS, KEY, 0, 0)
    for iv in (rng.octets(16), rng.octets(8)):
        for size in SIZES:
            ranges = [rng.octets(size), rng.octets(5), rng.octets(37), rng.octets(size)]
            assert opened(portions, iv, ranges) == [chained(iv, one, 0, 0) for one in ranges], size


def test_the_pattern_runs_on_from_portion_to_portion():
    rng = Random(5)
    iv = rng.octets(16)
    for crypt, skip in ((1, 9), (1, 1), (5, 5), (2, 0), (15, 15)):
        portions = Portions(CBCS, KEY, crypt, skip)
        for size in SIZES:
            ranges = [rng.octets(size), rng.octets(40), rng.octets(1600)]
            assert opened(portions, iv, ranges) == [chained(iv, one, crypt, skip) for one in ranges], (crypt, skip)


def test_pattern_and_key_may_change_from_sample_to_sample():
    rng = Random(6)
    iv = rng.octets(16)
    portions = Portions(CBCS, KEY)
    # As many blocks side by side under the pattern as the sample behind it has: 10.
    for crypt, skip, size in ((0, 0, 64), (1, 1, 320), (0, 0, 160), (1, 9, 1600), (1, 0, 1024), (0, 0, 64)):
        portions.set_pattern(crypt, skip)
        one = rng.octets(size)
        assert opened(portions, iv, [one]) == [chained(iv, one, crypt, skip)], (crypt, skip, size)
    one = rng.octets(160)
    portions.change(bytes(16))
    assert opened(portions, iv, [one]) != [chained(iv, one, 0, 0)]
    portions.change(KEY)
    assert opened(portions, iv, [one]) == [chained(iv, one, 0, 0)]


def test_what_was_closed_holds_nothing():
    for scheme in (CENC, CBCS):
        portions = Portions(scheme, KEY, 0, 0)
        opened(portions, bytes(16), [bytes(64)])
        portions.close()
        portions.close()
        assert portions.buffer == bytes(PORTION_BYTES) == portions._made
