"""How long a signature takes to verify on a Pico, and what heap it takes."""

from Crypto.PublicKey import ECC
from Crypto.Signature import eddsa

from testbed.bench.figure import Figure
from testbed.bench.pico_probe import run_probe
from testbed.runtimes.find import pico_image
from testbed.runtimes.image import Image

GOAL_MS = 2000.0
_MESSAGE_BYTES = 112
"""About what is signed of a module: its head, with the digest of the rest."""
_PROGRAM = b"""
import gc
from time import ticks_diff, ticks_us
gc.collect()
before = gc.mem_alloc()
from settop.crypto.ed25519 import verify
gc.collect()
say("code_bytes", gc.mem_alloc() - before)
key, signature, message = %r, %r, %r
worst = 0
for number in range(3):
    gc.collect()
    began_us = ticks_us()
    verify(key, signature, message)
    worst = max(worst, ticks_diff(ticks_us(), began_us))
say("worst_us", worst)
import settop.crypto.ed25519 as module
double = module._double
peak = 0
def watched(point):
    global peak
    gc.collect()
    peak = max(peak, gc.mem_alloc())
    return double(point)
module._double = watched
gc.collect()
before = gc.mem_alloc()
verify(key, signature, message)
say("peak_bytes", peak - before)
"""


def pico_ed25519_verify_ms(image: Image | None = None) -> Figure:
    """The longest of three, simulated ms."""
    key = ECC.construct(curve="Ed25519", seed=bytes(range(32)))
    message = bytes(range(_MESSAGE_BYTES))
    signature = eddsa.new(key, "rfc8032").sign(message)
    public = key.public_key().export_key(format="raw")
    found = run_probe(image or pico_image(), _PROGRAM % (public, signature, message))
    how = (
        f"an Ed25519 signature over {_MESSAGE_BYTES} bytes verified on the emulated Pico, the longest of three; "
        f"{found['peak_bytes']} bytes of heap in use at the most, {found['code_bytes']} for its modules while they are "
        "loaded from files; numbers that are done with lie about until the next collection"
    )
    return Figure("pico_ed25519_verify_ms", found["worst_us"] / 1000, "ms", GOAL_MS, "lower", how)
