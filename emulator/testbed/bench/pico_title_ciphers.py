"""How close the terminal's opening of a title's samples comes to the bare cipher, on the emulated Pico."""

from headend.titles.protection import CBCS, CENC

from testbed.bench.figure import Figure
from testbed.bench.pico_probe import CYCLES_PER_US, run_probe
from testbed.runtimes.find import pico_image
from testbed.runtimes.image import Image

MP3_BYTES = 418
"""A frame of MP3 at 128 kbit/s and 44,100 Hz; many have one octet less."""
LONG_BYTES = 8192
"""A block of PCM or ADPCM, say."""

_PROGRAM = b"""
import cryptolib, gc, time
from settop.titles.portions import PORTION_BYTES, Portions

KEY = bytes(range(16))
IV = bytes(range(16, 32))
ROUNDS = 64

def lap(work, rounds):
    work()
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    began = time.ticks_us()
    for _ in range(rounds):
        work()
    took = time.ticks_diff(time.ticks_us(), began)
    allocated = gc.mem_alloc() - before
    gc.enable()
    gc.collect()
    return took, allocated

def hidden(size):
    return bytearray([i * 37 + 11 & 0xFF for i in range(size)])

def opened(portions, octets):
    portions.begin(IV, 0, 16)
    portions.begin_range()
    clear = b""
    at = 0
    while at < len(octets):
        start = portions.phase
        count = min(PORTION_BYTES - start, len(octets) - at)
        portions.buffer[start : start + count] = octets[at : at + count]
        portions.open(start + count)
        clear += bytes(portions.buffer[start : start + count])
        at += count
    return clear

def wanted(scheme, octets):
    if scheme == "cbcs":
        whole = len(octets) // 16 * 16
        return cryptolib.aes(KEY, 2, IV).decrypt(octets[:whole]) + octets[whole:]
    ecb = cryptolib.aes(KEY, 1)
    counter = int.from_bytes(IV[8:], "big")
    clear = b""
    for at in range(0, len(octets), 16):
        stream = ecb.encrypt(IV[:8] + (counter + at // 16).to_bytes(8, "big"))
        clear += bytes([a ^ b for a, b in zip(octets[at : at + 16], stream)])
    return clear

def measure(scheme, size):
    portions = Portions(scheme, KEY, 0, 0)
    begin, begin_range, open_ = portions.begin, portions.begin_range, portions.open
    right = opened(portions, hidden(size)) == wanted(scheme, hidden(size))

    whole, rest = divmod(size, PORTION_BYTES)
    ends = [PORTION_BYTES] * whole + ([rest] if rest else [])

    def ours():
        begin(IV, 0, 16)
        begin_range()
        for end in ends:
            open_(end)

    rounds = max(1, ROUNDS * %d // size)
    took, allocated = lap(ours, rounds)
    octets = (size if scheme == "cbcs" else size + 15) // 16 * 16
    bulk = bytearray(octets)
    if scheme == "cbcs":
        cipher = cryptolib.aes(KEY, 2, IV)
        raw, _ = lap(lambda: cipher.decrypt(bulk, bulk), rounds)
    else:
        cipher = cryptolib.aes(KEY, 1)
        raw, _ = lap(lambda: cipher.encrypt(bulk, bulk), rounds)
    return took, raw, rounds * octets, right, allocated // rounds

for size in (%d, %d):
    took, raw, octets, right, allocated = measure(%r, size)
    say("ours%%d" %% size, took)
    say("raw%%d" %% size, raw)
    say("octets%%d" %% size, octets)
    say("right%%d" %% size, right)
    say("allocated%%d" %% size, allocated)
"""


def _measure(image: Image | None, scheme: str, mode: str, goal: float) -> Figure:
    """Of samples of both lengths, the smaller ratio; 0 where they came out wrong."""
    program = _PROGRAM % (MP3_BYTES, MP3_BYTES, LONG_BYTES, scheme)
    said = run_probe(image or pico_image(), program)
    ratios, told = [], []
    for size in (MP3_BYTES, LONG_BYTES):
        ours, raw = (said[f"{who}{size}"] * CYCLES_PER_US / said[f"octets{size}"] for who in ("ours", "raw"))
        ratios.append(raw / ours if said[f"right{size}"] else 0.0)
        told.append(
            f"of {size:,} octets {ratios[-1]:.3f} ({ours:.0f} cycles an octet, {raw:.0f} by cryptolib, "
            f"{said[f'allocated{size}']} bytes allocated)"
        )
    how = (
        f"samples opened in portions, each with an IV, against one call of {mode} for each over the same blocks, in "
        f"simulated time: {'; '.join(told)}"
    )
    name = f"pico_{scheme}_vs_raw_{mode.lower()}"
    return Figure(name, round(min(ratios), 3), "ratio", goal, "higher", how)


def pico_cbcs_vs_raw_cbc(image: Image | None = None) -> Figure:
    """How fast samples under `cbcs` are opened, for cryptolib's CBC over the same octets."""
    return _measure(image, CBCS, "CBC", 0.9)


def pico_cenc_vs_raw_ecb(image: Image | None = None) -> Figure:
    """How fast samples under `cenc` are opened, for cryptolib's ECB over as many blocks as they have."""
    return _measure(image, CENC, "ECB", 0.75)
