"""Plain versions of settop.crypto.packet_kernels: the definition of what the viper ones do.

`work` is 16 octets where counting begins, 16 of a salt, and behind them the blocks that a cipher is to encrypt.
`expected` is what comes next of a source: its four octets, a sequence number, high octet first, and 1, or 0 where it
may be any.
"""


def start(work, packet, high, span):
    """Counting begins with the salt, changed by the four octets of a packet's source, the 32 bits of `high` and 16
    more; a first few blocks are made, of which each is one more in its last octet. span: these 16 bits, times 512; how
    many blocks, 0 to 127, times 4; 2 for GCM's block: the source two octets further ahead, and the first block a 1; 1
    where the source is at packet[4] and not at packet[8]."""
    to, at = 4 - (span & 2), 4 if span & 1 else 8
    work[0:16] = work[16:32]
    index = (high << 16 | span >> 9 & 0xFFFF) & 0xFFFFFFFFFFFF
    for i, octet in enumerate(bytes(packet[at : at + 4]) + index.to_bytes(6, "big")):
        work[to + i] ^= octet
    if span & 2:
        work[15] = 1
    for number in range(span >> 2 & 127):
        work[32 + 16 * number : 48 + 16 * number] = work[0:16]
        work[47 + 16 * number] = work[15] + number & 0xFF


def go_on(work, first, count):
    """`count` blocks are made: where counting began, but with `first` and on in the last 16 bits, high octet first."""
    for number in range(count):
        work[32 + 16 * number : 46 + 16 * number] = work[0:14]
        work[46 + 16 * number : 48 + 16 * number] = (first + number & 0xFFFF).to_bytes(2, "big")


def usual(expected, packet, size):
    """The sequence number of the RTP packet in packet[:size] where it is the expected one and its header has 12 octets,
    else 65,536."""
    if size < 12 or packet[0] & 31 or packet[8:12] != expected[0:4] or not expected[6]:
        return 65536
    return expected[4] << 8 | expected[5] if packet[2:4] == expected[4:6] else 65536


def follow(expected, seen, last):
    """The expected packet has been: seen[its sequence number & last] becomes 1, and the next is expected, if any is in
    the same cycle."""
    sequence = expected[4] << 8 | expected[5]
    seen[sequence & last] = 1
    expected[4] = sequence + 1 >> 8 & 0xFF
    expected[5] = sequence + 1 & 0xFF
    if sequence == 0xFFFF:
        expected[6] = 0


def xor(target, source, size, at):
    """`size` octets of `target` from `at` on change by the first ones of `source`."""
    changed = int.from_bytes(target[at : at + size], "big") ^ int.from_bytes(source[:size], "big")
    target[at : at + size] = changed.to_bytes(size, "big")


def differs(expected, data, at, size):
    """0 where the first `size` octets of `expected` are data[at:at + size], else another number; in the same time."""
    difference = 0
    for i in range(size):
        difference |= expected[i] ^ data[at + i]
    return difference
