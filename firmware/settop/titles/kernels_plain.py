"""Plain versions of settop.titles.kernels: the definition of what the viper ones do."""


def counters(counter, out, span):
    """`span` & 0xFFFF blocks of counter mode go to `out`, from `counter` (16 octets, of which the last eight count,
    high one first, and wrap) on; `counter` itself moves on by `span` >> 16, at most as many."""
    advance = span >> 16
    value = int.from_bytes(counter[8:16], "big")
    for number in range(span & 0xFFFF):
        out[16 * number : 16 * number + 8] = counter[:8]
        out[16 * number + 8 : 16 * number + 16] = value.to_bytes(8, "big")
        if number < advance:
            value = (value + 1) & 0xFFFFFFFFFFFFFFFF
    counter[8:16] = value.to_bytes(8, "big")


def xor(target, source, words):
    """The first 4 * `words` octets of `target` change by those of `source`; both begin at a word."""
    for i in range(4 * words):
        target[i] ^= source[i]


def unchain(buffer, made, chain, span):
    """The first blocks of `buffer` become those of `made`, which AES made of them one by one, each changed by the one
    before it as that was in `buffer`. span: how many, 1 to 64; and 0x10000: what changes the first is chain[0:16] and
    not chain[16:32], where the last one goes in both cases.
    """
    count = 16 * (span & 0xFF)
    hidden = bytes(chain[0:16] if span >> 16 else chain[16:32]) + bytes(buffer[:count])
    chain[16:32] = hidden[count:]
    for i in range(count):
        buffer[i] = made[i] ^ hidden[i]


def gather(buffer, made, span):
    """The encrypted blocks of a pattern go from `buffer` to `made`, side by side; gives how many they are. span: blocks
    of `buffer`, 0 to 64, in the low eight bits; in the next eight, which of the pattern the first is; in four bits each
    how many of it are encrypted, and clear.
    """
    found = 0
    for at in _encrypted(span):
        made[found : found + 16] = buffer[at : at + 16]
        found += 16
    return found // 16


def scatter(buffer, made, chain, span):
    """What AES made of those blocks goes where they were, each changed by the encrypted one before it. span: as
    `gather` has it; and 0x1000000: what changes the first is chain[0:16] and not chain[16:32], where the last one goes.
    """
    hidden = bytes(chain[0:16] if span >> 24 else chain[16:32])
    found = 0
    for at in _encrypted(span):
        after = bytes(buffer[at : at + 16])
        for i in range(16):
            buffer[at + i] = made[found + i] ^ hidden[i]
        hidden = after
        found += 16
    chain[16:32] = hidden


def _encrypted(span):
    place, crypt, skip = span >> 8 & 0xFF, span >> 16 & 15, span >> 20 & 15
    return [16 * i for i in range(span & 0xFF) if (place + i) % (crypt + skip) < crypt]
