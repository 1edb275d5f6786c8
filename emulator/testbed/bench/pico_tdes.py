"""What three-key Triple DES costs on the emulated Pico, beside AES."""

from testbed.bench.figure import Figure
from testbed.bench.pico_probe import CYCLES_PER_US, run_probe
from testbed.runtimes.find import pico_image
from testbed.runtimes.image import Image

OCTETS = 1312
"""Whole blocks of both ciphers, about a packet."""
ROUNDS = 4
GOAL = 0.04

_PROGRAM = b"""
import cryptolib, gc, time
from settop.crypto.tdes import Tdes

OCTETS = %d
ROUNDS = %d
KEY = bytes(range(24))

def lap(work):
    work()
    gc.collect()
    gc.disable()
    began = time.ticks_us()
    for _ in range(ROUNDS):
        work()
    took = time.ticks_diff(time.ticks_us(), began)
    gc.enable()
    return took

data = bytearray([i & 255 for i in range(OCTETS)])
there, back = Tdes(KEY, bytes(8), False), Tdes(KEY, bytes(8), True)
there.crypt(data, 0, OCTETS)
hidden = bytes(data[:8])
back.crypt(data, 0, OCTETS)
say("right", hidden != bytes(range(8)) and data == bytearray([i & 255 for i in range(OCTETS)]))
say("ours", lap(lambda: back.crypt(data, 0, OCTETS)))
cipher = cryptolib.aes(bytes(16), 2, bytes(16))
say("aes", lap(lambda: cipher.decrypt(data, data)))
"""


def pico_tdes_vs_aes(image: Image | None = None) -> Figure:
    """How fast a packet is decrypted under Triple DES, for cryptolib's AES-128 in CBC; 0 where it came out wrong."""
    said = run_probe(image or pico_image(), _PROGRAM % (OCTETS, ROUNDS))
    value = said["aes"] / said["ours"] if said["right"] else 0.0

    def cycles(of: str) -> float:
        return said[of] * CYCLES_PER_US / ROUNDS / OCTETS

    kbit_s = 8 * OCTETS * ROUNDS * 1000 / said["ours"]
    how = (
        f"{OCTETS:,} octets decrypted in simulated time: {cycles('ours'):,.0f} cycles an octet, AES-128-CBC "
        f"{cycles('aes'):.0f}; {kbit_s:.0f} kbit/s of one core"
    )
    return Figure("pico_tdes_vs_aes", round(value, 3), "ratio", GOAL, "higher", how)
