"""SHA-512's loops, chosen once: viper on MicroPython, plain Python on CPython."""

import sys

if sys.implementation.name == "micropython":
    from settop.crypto.kernels_viper import compress, words
else:
    from settop.crypto.kernels_plain import compress, words

__all__ = ("compress", "words")
