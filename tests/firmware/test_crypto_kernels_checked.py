# runtimes: cpython
"""SHA-512's viper kernels, their own source, run on CPython with pointers that check every access."""

import ast
import random
from pathlib import Path
from types import SimpleNamespace

from settop.crypto import kernels as kernels_of_the_firmware
from settop.crypto import kernels_plain
from test_kernels_checked import Memory, pointer

SOURCE = Path(kernels_plain.__file__).with_name("kernels_viper.py")


def checked():
    memory = Memory()
    names = {"ptr8": pointer(memory, 1), "ptr32": pointer(memory, 4), "uint": lambda value: value & 0xFFFFFFFF}
    names["micropython"] = SimpleNamespace(viper=lambda function: function)
    exec(compile(SOURCE.read_text().replace("import micropython", ""), str(SOURCE), "exec"), names)  # noqa: S102

    def called(name):
        function = names[name]
        kinds = list(function.__annotations__.values()) or [names["ptr32"]] * 3  # compress calls the kernels

        def call(*arguments):
            memory.buffers.clear()
            function(*[a if k is int else k(memory.place(a)) for k, a in zip(kinds, arguments, strict=True)])

        return call

    return SimpleNamespace(memory=memory, **{name: called(name) for name in kernels_of_the_firmware.__all__})


def test_both_twins_do_the_same_to_random_blocks_and_stay_inside_their_buffers():
    kernels = checked()
    rng = random.Random(512)
    for number in range(60):
        work, schedule, rounds = (bytearray(rng.randbytes(size)) for size in (192, 128, 640))
        if number < 4:  # every carry, and none
            work, schedule, rounds = (bytearray([(0, 255)[number & 1]]) * len(buf) for buf in (work, schedule, rounds))
        other = bytearray(work), bytearray(schedule)
        kernels.compress(work, schedule, rounds)
        kernels_plain.compress(*other, rounds)
        assert work[:64] == other[0][:64]
    assert kernels.memory.accesses > 100_000


def test_words_are_turned_alike():
    kernels = checked()
    source = bytearray(random.Random(4).randbytes(128))
    one, other = bytearray(128), bytearray(128)
    kernels.words(source, one, 32)
    kernels_plain.words(source, other, 32)
    assert one == other
    kernels.words(other, one, 32)
    assert one == source


def test_no_constant_needs_more_than_sixteen_bits():
    constants = [node.value for node in ast.walk(ast.parse(SOURCE.read_text())) if isinstance(node, ast.Constant)]
    assert max(value for value in constants if isinstance(value, int)) < 1 << 16
