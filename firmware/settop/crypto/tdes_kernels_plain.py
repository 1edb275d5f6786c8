"""Plain version of settop.crypto.tdes_kernels: the definition of what the viper one does.

`work` is words of 32 bits in the machine's own order: 512 of the eight S-boxes with the permutation behind them, 96 of
the round keys in the order in which they are used, 6 masks, the two of the last block, and two of scratch.
"""

WORDS = 618
KEYS_AT, MASKS_AT, LAST_AT = 512, 608, 614
MASKS = (0x0F0F0F0F, 0x0000FFFF, 0x33333333, 0x00FF00FF, 0x55555555, 0xFFFFFFFF)
_ALL = 0xFFFFFFFF


def chain(work, data, at, span):
    """Cipher block chaining over data[at:], where it lies. span: blocks of 8 octets, times 2, and 1 to decrypt."""
    words = memoryview(work).cast("I")
    for place in range(at, at + 4 * (span & ~1), 8):
        left, right = (int.from_bytes(data[place + half : place + half + 4], "big") for half in (0, 4))
        if span & 1:
            before = words[LAST_AT], words[LAST_AT + 1]
            words[LAST_AT], words[LAST_AT + 1] = left, right
            left, right = _block(words, left, right)
            left, right = left ^ before[0], right ^ before[1]
        else:
            left, right = _block(words, left ^ words[LAST_AT], right ^ words[LAST_AT + 1])
            words[LAST_AT], words[LAST_AT + 1] = left, right
        data[place : place + 8] = (left << 32 | right).to_bytes(8, "big")


def _block(words, left, right):
    for turn, mask in ((4, MASKS[0]), (16, MASKS[1])):
        left, right = _swap(left, right, turn, mask)
    for turn, mask in ((2, MASKS[2]), (8, MASKS[3])):
        right, left = _swap(right, left, turn, mask)
    left, right = _swap(left, right, 1, MASKS[4])
    for number in range(48):
        if number and number % 16 == 0:
            left, right = right, left
        odd = (right >> 1 | right << 31 & _ALL) ^ words[KEYS_AT + 2 * number]
        even = (right << 3 & _ALL | right >> 29) ^ words[KEYS_AT + 2 * number + 1]
        for box in range(0, 8, 2):
            left ^= words[64 * box + (odd >> 26 - 4 * box & 63)]
            left ^= words[64 * box + 64 + (even >> 26 - 4 * box & 63)]
        left, right = right, left
    left, right = right, left
    left, right = _swap(left, right, 1, MASKS[4])
    for turn, mask in ((8, MASKS[3]), (2, MASKS[2])):
        right, left = _swap(right, left, turn, mask)
    for turn, mask in ((16, MASKS[1]), (4, MASKS[0])):
        left, right = _swap(left, right, turn, mask)
    return left, right


def _swap(one, other, turn, mask):
    changed = (one >> turn ^ other) & mask
    return one ^ changed << turn, other ^ changed
