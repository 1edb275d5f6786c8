"""The cable's loops over octets, chosen once: viper on MicroPython, plain Python on CPython."""

import sys

if sys.implementation.name == "micropython":
    from settop.link.mux_kernels_viper import accept, copy, missing, seal, unseal
else:
    from settop.link.mux_kernels_plain import accept, copy, missing, seal, unseal

__all__ = ("accept", "copy", "missing", "seal", "unseal")
