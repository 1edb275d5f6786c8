"""The loops that the benchmark names, chosen once: viper on MicroPython, plain Python on CPython."""

import sys

if sys.implementation.name == "micropython":
    from settop.ts.kernels_viper import await_octet, copy_packet, pack, reach, sort, unpack
else:
    from settop.ts.kernels_plain import await_octet, copy_packet, pack, reach, sort, unpack

__all__ = ("await_octet", "copy_packet", "pack", "reach", "sort", "unpack")
