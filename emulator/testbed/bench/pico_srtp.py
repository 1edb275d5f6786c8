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
from settop.errors import RemoteError
from settop.media.srtp import Session
from settop.media.srtp_suites import %s as SUITE, suite
from settop.wire.rtp import HEADER_BYTES, MPEG_TS, write_header

PAYLOAD = %d
PACKETS = %d
MASTER = bytes(range(16 + suite(SUITE)[2]))
SIZE = HEADER_BYTES + PAYLOAD

def timed(work, number):
    global took, allocated
    before = gc.mem_alloc()
    began = time.ticks_us()
    found = work(number)
    ended = time.ticks_us()
    if number:  # the first one warms up
        took += time.ticks_diff(ended, began)
        allocated += gc.mem_alloc() - before
    return found

def lap(name, work, prepare=None):
    # The heap is cleared once and then filled, as between two collections.
    global took, allocated
    took = allocated = 0
    gc.collect()
    gc.disable()
    for number in range(PACKETS + 1):
        if prepare:
            prepare(number)
        timed(work, number)
    gc.enable()
    say(name, took)

there, back = Session(SUITE, MASTER), Session(SUITE, MASTER)
clear = bytearray(SIZE)
for i in range(PAYLOAD):
    clear[HEADER_BYTES + i] = i * 37 + 11 & 0xFF
hidden = bytearray(SIZE + there.overhead)
opened = bytearray(SIZE + there.overhead)

size = 0
right = 1

def prepare(number):
    hidden[:SIZE] = clear
    write_header(hidden, MPEG_TS, number, number, 0xCAFEBABE)

def protect(number):
    there.protect(hidden, SIZE)

def protected(number):
    global right
    if number:
        check(number - 1)
    prepare(1000 + number)
    protect(number)
    opened[:] = hidden

def unprotect(number):
    global size
    size = back.unprotect(opened, SIZE + there.overhead)

def check(number):
    global right
    if size != SIZE or opened[HEADER_BYTES:SIZE] != clear[HEADER_BYTES:]:
        right = 0

lap("protect", protect, prepare)
lap("ours", unprotect, protected)
check(PACKETS)
say("allocated", allocated)
protected(PACKETS + 1)
opened[SIZE] ^= 1
try:
    unprotect(0)
    right = 0
except RemoteError:
    pass
say("right", right)

bulk = bytearray(PAYLOAD + 15 & ~15)
cipher = cryptolib.aes(bytes(16), 1)
lap("aes", lambda number: cipher.encrypt(bulk, bulk))
whole = bytes(SIZE)
lap("sha1", lambda number: hashlib.sha1(whole).digest())
keys = back._keys[0][1]
if hasattr(keys, "_hmac"):
    lap("hmac", lambda number: keys._hmac.tag(whole, b"1234"))
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
