"""The loops that the benchmark names, chosen once: viper on MicroPython, plain Python on CPython."""

import sys

if sys.implementation.name == "micropython":
    from settop.codec.kernels_viper import copy, decode
else:
    from settop.codec.kernels_plain import copy, decode

__all__ = ("copy", "decode")
