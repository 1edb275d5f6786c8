# runtimes: cpython
"""The viper kernels' own source, run on CPython with pointers that check every access.

A word access off its boundary is a HardFault on a Cortex-M0+, and one outside its buffer destroys the heap; an emulated
board notices neither. Here both raise.
"""

import ast
from pathlib import Path
from types import SimpleNamespace

import small_stream as air
import test_kernels
from settop.crypto.aes import aes_ecb
from settop.ts import kernels as kernels_of_the_firmware
from settop.ts import kernels_plain

NAMES = ("sort", "reach", "pack", "unpack", "copy_packet", "await_octet")
SOURCE = Path(kernels_plain.__file__).with_name("kernels_viper.py")


class Memory:
    """Buffers at word-aligned addresses, as MicroPython's heap gives them, with a gap between."""

    def __init__(self):
        self.buffers = []
        self.accesses = 0

    def place(self, buffer):
        base = 0x20000000 + 0x10000 * len(self.buffers)
        self.buffers.append(memoryview(buffer))
        return base

    def at(self, address, size):
        assert address % size == 0, f"{size} octets at {address:#x}: not on their boundary"
        index, offset = divmod(address - 0x20000000, 0x10000)
        assert 0 <= offset and offset + size <= len(self.buffers[index]), f"outside buffer {index}: {offset}"
        self.accesses += 1
        return self.buffers[index][offset : offset + size]


def pointer(memory, size):
    class Pointer:
        def __init__(self, address):
            self._address = int(address)

        def __int__(self):
            return self._address

        def __getitem__(self, index):
            return int.from_bytes(memory.at(self._address + size * index, size), "little")

        def __setitem__(self, index, value):
            # Viper stores the low octets of a register.
            memory.at(self._address + size * index, size)[:] = (value & (1 << 8 * size) - 1).to_bytes(size, "little")

    return Pointer


def checked_kernels():
    """The module kernels_viper with checking pointers; `.memory` counts the accesses."""
    memory = Memory()
    names = {"ptr8": pointer(memory, 1), "ptr32": pointer(memory, 4)}
    code = SOURCE.read_text().replace("import micropython", "")
    names["micropython"] = SimpleNamespace(viper=lambda function: function)
    exec(compile(code, str(SOURCE), "exec"), names)  # noqa: S102

    def checked(function):
        kinds = list(function.__annotations__.values())

        def call(*arguments):
            memory.buffers.clear()
            given = [
                value if kind is int else kind(memory.place(value))
                for kind, value in zip(kinds, arguments, strict=False)
            ]
            return function(*given)

        return call

    kernels = SimpleNamespace(__name__="kernels_viper, checked", memory=memory, **{n: checked(names[n]) for n in NAMES})
    return kernels


def test_no_word_access_off_its_boundary_for_any_adaptation_field():
    kernels = checked_kernels()
    rng = air.Rng(11)
    cipher = aes_ecb(test_kernels.KEY)
    lengths = [None, *range(183), None]
    for first in range(0, len(lengths), 32):
        clear = [air.stream_packet(rng, i, length) for i, length in enumerate(lengths[first : first + 32])]
        sent = [air.scrambled(one, test_kernels.KEY, first & 1) for one in clear]
        assert test_kernels.run(kernels, sent, cipher) == b"".join(clear)
    assert kernels.memory.accesses > 10_000


def test_hostile_headers_keep_every_access_inside_its_buffer():
    kernels = checked_kernels()
    rng = air.Rng(12)
    cipher = aes_ecb(test_kernels.KEY)
    for _ in range(20):
        sent = []
        for _ in range(32):
            one = bytearray(rng.octets(188))
            one[:3] = b"\x47\x01\x00"
            sent.append(bytes(one))
        assert test_kernels.run(kernels, sent, cipher) == test_kernels.run(kernels_plain, sent, cipher)


def test_copy_in_words_stays_aligned():
    kernels = checked_kernels()
    source = test_kernels.source_of([bytes([i]) * 188 for i in range(32)])
    out = bytearray(188 * 32)
    for slot in range(32):
        kernels.copy_packet(source, out, slot, 31 - slot)
    assert out == b"".join(bytes([31 - i]) * 188 for i in range(32))


def test_no_constant_needs_more_than_sixteen_bits():
    """It would be a word in the code, and frozen code for the Cortex-M0+ begins at any even address."""
    constants = [node.value for node in ast.walk(ast.parse(SOURCE.read_text())) if isinstance(node, ast.Constant)]
    assert max(value for value in constants if isinstance(value, int)) < 1 << 16


def test_every_kernel_that_the_firmware_uses_is_checked():
    assert set(NAMES) == set(kernels_of_the_firmware.__all__)


def test_gaps_at_the_end_of_the_buffer_read_nothing_behind_it():
    kernels = checked_kernels()
    for control in range(256):
        batch = test_kernels.counted((3, 9), ((1, 3, control), (1, 4, 255), (1, 5, 0x80)))
        assert test_kernels.lost(kernels, [batch]) == test_kernels.lost(kernels_plain, [batch]), control


def test_the_check_itself_notices_an_unaligned_word():
    memory = Memory()
    base = memory.place(bytearray(8))
    word = pointer(memory, 4)
    assert word(base)[1] == 0
    for bad in (word(base + 2), word(base + 8)):
        try:
            bad[0]
        except AssertionError:
            continue
        raise AssertionError("let through")
