"""Loops over a packet's octets, chosen once: viper on MicroPython, plain Python on CPython."""

import sys

if sys.implementation.name == "micropython":
    from settop.crypto.packet_kernels_viper import differs, go_on, start, xor
else:
    from settop.crypto.packet_kernels_plain import differs, go_on, start, xor

__all__ = ("differs", "go_on", "start", "xor")
