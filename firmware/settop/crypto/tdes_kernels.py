"""Triple DES's loop, chosen once: viper on MicroPython, plain Python on CPython."""

import sys

if sys.implementation.name == "micropython":
    from settop.crypto.tdes_kernels_viper import chain
else:
    from settop.crypto.tdes_kernels_plain import chain

__all__ = ("chain",)
