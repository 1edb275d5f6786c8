"""Throw-away certificates: made as the head-end makes its own (headend.crypto.certificates)."""

from headend.crypto.certificates import Identity, certificate

__all__ = ("Identity", "certificate")
