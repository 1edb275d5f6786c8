"""Loops over a packet's octets, chosen once: viper on MicroPython, plain Python on CPython."""

import sys

if sys.implementation.name == "micropython":
    from settop.crypto.packet_kernels_viper import begin, counters, differs, xor
else:
    from settop.crypto.packet_kernels_plain import begin, counters, differs, xor

__all__ = ("begin", "counters", "differs", "xor")
