"""The loops over each octet, chosen once: viper on MicroPython, plain Python on CPython."""

import sys

if sys.implementation.name == "micropython":
    from settop.titles.kernels_viper import counters, gather, scatter, unchain, xor
else:
    from settop.titles.kernels_plain import counters, gather, scatter, unchain, xor

__all__ = ("counters", "gather", "scatter", "unchain", "xor")
