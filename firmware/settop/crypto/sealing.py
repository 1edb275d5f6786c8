"""What sealed sessions (settop.wire.sealed) are made of at the terminal."""

from settop.crypto import ccm
from settop.crypto.cmac import cmac
from settop.crypto.compare import equal
from settop.crypto.hkdf import hkdf, sha256
from settop.crypto.wipe import wipe

PRIMITIVES = (sha256, hkdf, cmac, ccm.seal, ccm.open, equal, wipe)
