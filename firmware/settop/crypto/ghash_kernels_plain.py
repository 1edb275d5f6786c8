"""Plain version of settop.crypto.ghash_kernels: the definition of what the viper one does.

`work` is 368 octets: 16 multiples of the hash key, each of four words of 32 bits, the high one first, in the machine's
own order; 16 words for what falls out below; 16 octets of the sum so far, and 32 of scratch.
"""

SUM_AT = 320
WORK_BYTES = 368


def absorb(work, data, at, size):
    """data[at:at + size], filled with zeros to whole blocks, goes into the sum."""
    words = memoryview(work).cast("I")
    multiples = [words[i] << 96 | words[i + 1] << 64 | words[i + 2] << 32 | words[i + 3] for i in range(0, 64, 4)]
    fallen = [words[64 + i] << 96 for i in range(16)]
    for block in range(at, at + size, 16):
        part = bytes(data[block : min(block + 16, at + size)])
        value = int.from_bytes(work[SUM_AT : SUM_AT + 16], "big") ^ int.from_bytes(part + bytes(16 - len(part)), "big")
        product = 0
        for _ in range(32):  # four bits at a time, from the last on
            product = product >> 4 ^ fallen[product & 15] ^ multiples[value & 15]
            value >>= 4
        work[SUM_AT : SUM_AT + 16] = product.to_bytes(16, "big")
