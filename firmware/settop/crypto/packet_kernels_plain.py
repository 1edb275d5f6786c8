"""Plain versions of settop.crypto.packet_kernels: the definition of what the viper ones do."""


def begin(block, packet, high, span):
    """block[0:16], where counting begins, becomes block[16:32] (the salt) changed by a source's four octets, then the
    32 bits of `high`, then 16 bits. span: these 16 bits, times 256; where the source stands in `packet`, times 16; and
    where it goes in the block, 2 or 4."""
    to, at = span & 15, span >> 4 & 15
    block[0:16] = block[16:32]
    for i in range(4):
        block[to + i] ^= packet[at + i]
        block[to + 4 + i] ^= high >> (24 - 8 * i) & 0xFF
    block[to + 8] ^= span >> 16 & 0xFF
    block[to + 9] ^= span >> 8 & 0xFF


def counters(block, out, count):
    """`count` blocks go to `out`: block[0:16], then that with its last 32 bits, high octet first, one more each time."""
    value = int.from_bytes(block[12:16], "big")
    for number in range(count):
        out[16 * number : 16 * number + 12] = block[0:12]
        out[16 * number + 12 : 16 * number + 16] = (value + number & 0xFFFFFFFF).to_bytes(4, "big")


def xor(target, at, source, size):
    """`size` octets of `target` from `at` on change by the first ones of `source`."""
    changed = int.from_bytes(target[at : at + size], "big") ^ int.from_bytes(source[:size], "big")
    target[at : at + size] = changed.to_bytes(size, "big")


def differs(expected, data, at, size):
    """0 where the first `size` octets of `expected` are data[at:at + size], else another number; in the same time."""
    difference = 0
    for i in range(size):
        difference |= expected[i] ^ data[at + i]
    return difference
