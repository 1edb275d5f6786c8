"""The loop over every tenth octet, chosen once: viper on MicroPython, plain Python on CPython."""

import sys

if sys.implementation.name == "micropython":
    from settop.titles.tenth_kernels_viper import unshift
else:
    from settop.titles.tenth_kernels_plain import unshift

__all__ = ("unshift",)
