"""Loops over a packet's octets, chosen once: viper on MicroPython, plain Python on CPython."""

import sys

if sys.implementation.name == "micropython":
    from settop.crypto.packet_kernels_viper import differs, follow, go_on, start, usual, xor
else:
    from settop.crypto.packet_kernels_plain import differs, follow, go_on, start, usual, xor

__all__ = ("differs", "follow", "go_on", "start", "usual", "xor")
