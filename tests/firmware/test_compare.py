from settop.crypto.compare import equal


def test_equal_strings_of_any_byte_type():
    assert equal(b"", b"")
    assert equal(b"same", bytearray(b"same"))
    assert equal(memoryview(b"same"), b"same")


def test_one_different_bit_anywhere_is_found():
    base = bytes(range(20))
    for bit in range(160):
        other = bytearray(base)
        other[bit >> 3] ^= 1 << (bit & 7)
        assert not equal(base, other)
        assert not equal(other, base)


def test_different_lengths_are_unequal():
    assert not equal(b"", b"a")
    assert not equal(b"a", b"")
    assert not equal(b"abc", b"abcd")
    assert not equal(b"abcd", b"abc")


class _Counting:
    """A byte string that counts how often it is read."""

    def __init__(self, data):
        self.data = data
        self.reads = 0

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        self.reads += 1
        return self.data[index]


def test_as_many_bytes_are_read_wherever_the_difference_lies():
    for other in (b"0123456789", b"x123456789", b"012345678x", b"012345"):
        given = _Counting(b"0123456789")
        equal(given, other)
        assert given.reads == (10 if len(other) == 10 else 20)
