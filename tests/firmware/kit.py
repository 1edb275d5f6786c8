"""What a test of firmware modules needs; runs on CPython and on MicroPython."""

from binascii import unhexlify


class Skip(Exception):
    """Raised by a test that cannot run here; its text says why."""


def HEX(text):
    """Bytes of hexadecimal text; blanks and line ends between digits are ignored."""
    return unhexlify("".join(text.split()))


class raises:
    """`with raises(RemoteError) as caught:` passes when the body raises it; `caught.value` is then the
    exception."""

    def __init__(self, expected):
        self.expected = expected
        self.value = None

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            names = self.expected if isinstance(self.expected, tuple) else (self.expected,)
            raise AssertionError("nothing was raised, expected %s" % " or ".join([k.__name__ for k in names]))
        if not issubclass(kind, self.expected):
            return False
        self.value = value
        return True
