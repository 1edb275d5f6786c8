"""GHASH's loop, chosen once: viper on MicroPython, plain Python on CPython."""

import sys

if sys.implementation.name == "micropython":
    from settop.crypto.ghash_kernels_viper import absorb
else:
    from settop.crypto.ghash_kernels_plain import absorb

__all__ = ("absorb",)
