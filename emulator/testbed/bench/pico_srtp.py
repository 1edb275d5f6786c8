"""How close SRTP on the emulated Pico comes to the bare cipher and the bare hash over the same octets."""

from testbed.bench.figure import Figure
from testbed.bench.pico_probe import CYCLES_PER_US, run_probe
from testbed.runtimes.find import pico_image
from testbed.runtimes.image import Image

PAYLOAD_BYTES = 1316
"""Seven packets of a transport stream."""
PACKETS = 32
GOAL = 0.8

_PROGRAM = b"""
import cryptolib, gc, hashlib, time
from settop.media.srtp import Session
from settop.media.srtp_suites import %s as SUITE, suite
from settop.wire.rtp import HEADER_BYTES, MPEG_TS, write_header

PAYLOAD = %d
PACKETS = %d
MASTER = bytes(range(16 + suite(SUITE)[2]))
SIZE = HEADER_BYTES + PAYLOAD

def lap(work):
    took = allocated = 0
    for number in range(PACKETS + 1):
        gc.collect()
        gc.disable()
        before = gc.mem_alloc()
        began = time.ticks_us()
        work(number)
        ended = time.ticks_us()
        if number:  # the first one warms up
            took += time.ticks_diff(ended, began)
            allocated += gc.mem_alloc() - before
        gc.enable()
    return took, allocated

there, back = Session(SUITE, MASTER), Session(SUITE, MASTER)
clear = bytearray(SIZE)
for i in range(PAYLOAD):
    clear[HEADER_BYTES + i] = i * 37 + 11 & 0xFF
hidden = bytearray(SIZE + there.overhead)
opened = bytearray(SIZE + there.overhead)

def protect(number):
    hidden[:SIZE] = clear
    write_header(hidden, MPEG_TS, number, number, 0xCAFEBABE)
    return there.protect(hidden, SIZE)

right = 1
took = allocated = 0
for number in range(PACKETS + 1):
    size = protect(number)
    opened[:] = hidden
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    began = time.ticks_us()
    found = back.unprotect(opened, size)
    ended = time.ticks_us()
    if number:
        took += time.ticks_diff(ended, began)
        allocated += gc.mem_alloc() - before
    gc.enable()
    if found != SIZE or opened[HEADER_BYTES:SIZE] != clear[HEADER_BYTES:]:
        right = 0
    opened[SIZE + 1] ^= 1
    hidden[SIZE + 1] ^= 1
    try:
        back.unprotect(hidden, size)
        right = 0
    except Exception:
        pass
say("ours", took)
say("allocated", allocated)
say("right", right)

bulk = bytearray(PAYLOAD + 15 & ~15)
cipher = cryptolib.aes(bytes(16), 1)
took, _ = lap(lambda number: cipher.encrypt(bulk, bulk))
say("aes", took)
whole = bytes(SIZE)
took, _ = lap(lambda number: hashlib.sha1(whole).digest())
say("sha1", took)

if hasattr(back._keys[0][1], "_hmac"):
    hmac = back._keys[0][1]._hmac
    took, _ = lap(lambda number: hmac.tag(whole, b"1234"))
    say("hmac", took)
    took, _ = lap(lambda number: there.protect(hidden, SIZE) if write_header(hidden, MPEG_TS, 1000 + number, 0, 1) else 0)
    say("protect", took)
"""


def measure(image: Image | None, suite: str) -> dict[str, int]:
    """What the program says of a suite, by name; microseconds of all PACKETS."""
    return run_probe(image or pico_image(), _PROGRAM % (suite.encode(), PAYLOAD_BYTES, PACKETS), 60_000)


def pico_srtp_vs_raw(image: Image | None = None) -> Figure:
    """Unprotecting packets of seven transport packets, for cryptolib's ECB and hashlib's SHA-1 over the same octets; 0
    where a packet came out wrong or a forged one was taken."""
    said = measure(image, "AES_CM_128_HMAC_SHA1_80")
    value = (said["aes"] + said["sha1"]) / said["ours"] if said["right"] else 0.0

    def cycles(of: str) -> int:
        return round(said[of] * CYCLES_PER_US / PACKETS)

    how = (
        f"{PACKETS} packets of {PAYLOAD_BYTES:,} octets opened, AES_CM_128_HMAC_SHA1_80, in simulated time: "
        f"{cycles('ours'):,} cycles each, {said['hmac'] / said['ours']:.0%} of them HMAC-SHA1; raw AES-ECB "
        f"{cycles('aes'):,} and SHA-1 {cycles('sha1'):,}; protecting {cycles('protect'):,}; "
        f"{said['allocated'] // PACKETS} bytes allocated each"
    )
    return Figure("pico_srtp_vs_raw", round(value, 3), "ratio", GOAL, "higher", how)
