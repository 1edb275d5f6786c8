"""The loops that the benchmark names, chosen once: viper on MicroPython, plain Python on CPython."""

import sys

if sys.implementation.name == "micropython":
    from settop.ts.kernels_viper import copy_packet, pack, sort, unpack
else:
    from settop.ts.kernels_plain import copy_packet, pack, sort, unpack

__all__ = ("copy_packet", "pack", "sort", "unpack")
