"""The loops that the benchmark names, chosen once: viper on MicroPython, plain Python on CPython."""

import sys

if sys.implementation.name == "micropython":
    from settop.ts.kernels_viper import classify, copy_packet, gather, open_whole, scatter
else:
    from settop.ts.kernels_plain import classify, copy_packet, gather, open_whole, scatter

__all__ = ("classify", "copy_packet", "gather", "open_whole", "scatter")
