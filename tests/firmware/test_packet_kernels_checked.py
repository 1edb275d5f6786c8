# runtimes: cpython
"""The viper kernels of packets, GHASH and Triple DES, their own source, run on CPython with pointers that check."""

import random
from pathlib import Path
from types import SimpleNamespace

from settop.crypto import (
    ghash_kernels,
    ghash_kernels_plain,
    packet_kernels,
    packet_kernels_plain,
    tdes_kernels,
    tdes_kernels_plain,
)
from test_kernels_checked import Memory, pointer

FOLDER = Path(packet_kernels.__file__).parent


def checked(name, kernels, size=1):
    """The functions of a viper module with checking pointers; `.memory` counts the accesses. size: octets of what a
    function that only calls others is given first."""
    memory = Memory()
    names = {"ptr8": pointer(memory, 1), "ptr32": pointer(memory, 4), "uint": lambda value: value & 0xFFFFFFFF}
    names["micropython"] = SimpleNamespace(viper=lambda function: function)
    source = FOLDER / f"{name}_viper.py"
    exec(compile(source.read_text().replace("import micropython", ""), str(source), "exec"), names)  # noqa: S102

    def called(function):
        kinds = list(function.__annotations__.values())[: function.__code__.co_argcount]
        kinds = kinds or [pointer(memory, size), names["ptr8"], int, int]

        def call(*arguments):
            memory.buffers.clear()
            return function(*[a if k is int else k(memory.place(a)) for k, a in zip(kinds, arguments, strict=True)])

        return call

    return SimpleNamespace(memory=memory, **{name: called(names[name]) for name in kernels.__all__})


def same(name, ours, plain, *arguments):
    """Both do the same to copies of the arguments, and give the same."""
    sides = []
    for module in (ours, plain):
        given = [bytearray(a) if isinstance(a, (bytes, bytearray)) else a for a in arguments]
        sides.append((getattr(module, name)(*given), given))
    assert sides[0] == sides[1], name
    return sides[0][1]


def test_counting_is_the_same_for_every_kind_of_packet():
    kernels = checked("packet_kernels", packet_kernels)
    rng = random.Random(3711)
    for number in range(200):
        blocks = rng.choice((0, 1, 2, 83, rng.randrange(84)))
        work = rng.randbytes(32 + 16 * 83)
        span = rng.randrange(65536) << 9 | blocks << 2 | number & 3
        work = same("start", kernels, packet_kernels_plain, work, rng.randbytes(12), rng.choice((0, 1 << 31)), span)[0]
        same("go_on", kernels, packet_kernels_plain, work, rng.choice((0, 2, 83, 250, 4095)), blocks)
    assert kernels.memory.accesses > 50_000


def test_xor_is_the_same_at_every_place_and_stays_inside():
    kernels = checked("packet_kernels", packet_kernels)
    rng = random.Random(4)
    for size in (*range(70), 1316):
        for at in range(5):
            source = rng.randbytes(size + 15 & ~15)
            same("xor", kernels, packet_kernels_plain, rng.randbytes(at + size), source, size, at)


def test_what_is_usual_and_what_follows_are_the_same():
    kernels = checked("packet_kernels", packet_kernels)
    rng = random.Random(5)
    usual = 0
    for number in range(2_000):
        sequence = rng.choice((0, 1, 255, 256, 65534, 65535, rng.randrange(65536)))
        expected = bytearray(b"ssrc" + sequence.to_bytes(2, "big") + bytes((number % 5 > 0,)))
        packet = bytearray(b"\x80\x21" + sequence.to_bytes(2, "big") + b"timessrcpayload")
        if rng.randrange(2):
            packet[rng.choice((0, 0, 1, 2, 3, 4, 8, 9, 10, 11))] ^= 1 << rng.randrange(8)
        size = rng.choice((11, 12, len(packet)))
        given = [module.usual(expected, packet, size) for module in (kernels, packet_kernels_plain)]
        assert given[0] == given[1]
        usual += given[0] == sequence
        same("follow", kernels, packet_kernels_plain, expected, bytes(64), 63)
    assert 300 < usual < 1_700


def test_differences_are_found_at_every_place():
    kernels = checked("packet_kernels", packet_kernels)
    rng = random.Random(6)
    for size in (0, 4, 10, 16):
        data = rng.randbytes(40)
        for at in range(20):
            expected = bytearray(data[at : at + size])
            assert kernels.differs(expected, bytearray(data), at, size) == 0
            for wrong in range(size):
                expected[wrong] ^= 1
                assert kernels.differs(expected, bytearray(data), at, size)
                assert packet_kernels_plain.differs(expected, data, at, size)
                expected[wrong] ^= 1


def test_ghash_is_the_same_for_any_table_and_any_length():
    kernels = checked("ghash_kernels", ghash_kernels)
    rng = random.Random(7714)
    for number in range(40):
        work = rng.randbytes(ghash_kernels_plain.WORK_BYTES)
        if number < 2:
            work = bytes((255 * number,)) * len(work)
        size = rng.choice((0, 1, 15, 16, 17, 48, 61))
        data = bytearray(rng.randbytes(size + 5))
        ends = []
        for module in (kernels, ghash_kernels_plain):
            mine = bytearray(work)
            module.absorb(mine, data, 5, size)
            ends.append(mine[:336])
        assert ends[0] == ends[1]


def test_triple_des_is_the_same_whatever_the_tables_hold():
    kernels = checked("tdes_kernels", tdes_kernels, 4)
    rng = random.Random(67)
    for number in range(12):
        work = bytearray(rng.randbytes(4 * tdes_kernels_plain.WORDS))
        for at, mask in enumerate(tdes_kernels_plain.MASKS):
            place = 4 * (tdes_kernels_plain.MASKS_AT + at)
            work[place : place + 4] = mask.to_bytes(4, "little")
        data = rng.randbytes(19)
        ends = []
        for module in (kernels, tdes_kernels_plain):
            mine, octets = bytearray(work), bytearray(data)
            module.chain(mine, octets, 3, 2 << 1 | number & 1)
            ends.append((mine[: 4 * (tdes_kernels_plain.LAST_AT + 2)], octets))
        assert ends[0] == ends[1]
