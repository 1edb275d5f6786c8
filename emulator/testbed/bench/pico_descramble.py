"""How close the terminal's descrambler comes to the bare cipher, on the emulated Pico."""

from settop.player.player import SLOTS

from testbed.bench.figure import Figure
from testbed.bench.pico_probe import CYCLES_PER_US, run_probe
from testbed.runtimes.find import pico_image
from testbed.runtimes.image import Image

PACKETS = SLOTS - 1
"""What the player handles at a time: a packet waits for the sync octet behind it."""
ROUNDS = 20

_PROGRAM = b"""
import cryptolib, gc, time
from settop.player.player import SLOTS, Player
from settop.ts import packet as ts
from settop.ts.descrambler import Descrambler
from settop.services.call.opener import CallOpener
from settop.ts.second_core import SecondCore
from settop.ts.slots import Slots

PACKETS = %d
ROUNDS = %d
CORES = %d
KEY = bytes(range(16))
PID = 0x100

def lay_out(source):
    for slot in range(PACKETS):
        at = ts.IN_OFFSET + ts.PACKET_BYTES * slot
        source[at : at + 4] = bytes((ts.SYNC, PID >> 8, PID & 0xFF, 0x90 | slot & 15))
        for i in range(4, ts.PACKET_BYTES):
            source[at + i] = slot * 7 + i * 13 & 0xFF

def lap(work):
    work()
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    started = time.ticks_us()
    for _ in range(ROUNDS):
        work()
    took = time.ticks_diff(time.ticks_us(), started)
    allocated = gc.mem_alloc() - before
    gc.enable()
    return took, allocated

helper = SecondCore() if CORES == 2 else None
slots = Slots(SLOTS)
opener = Descrambler(slots, helper)
lay_out(slots.source)
table = bytearray(ts.PIDS)
table[PID] = ts.PID_ES
cipher = cryptolib.aes(KEY, 1)
plan = slots.plan

def ours():
    slots.filled = 0
    slot = 0
    count = slots.sort(table, PACKETS, ts.PACKET_BYTES * PACKETS)
    while slot < count:
        if ts.ACTION_OPEN_WHOLE <= plan[slot] < ts.ACTION_DAMAGED:
            slot = opener.open_run(slot, count, cipher)
        else:
            slot += 1

plain = bytearray(176 * PACKETS)
bulk = bytearray(176 * PACKETS)
for slot in range(PACKETS):
    at = ts.IN_OFFSET + ts.PACKET_BYTES * slot
    bulk[176 * slot : 176 * slot + 176] = slots.source[at + 4 : at + 180]
raw_cipher = cryptolib.aes(KEY, 2, ts.CISSA_IV)

def raw():
    raw_cipher.decrypt(bulk, plain)

def right():
    for slot in range(PACKETS):
        at = ts.IN_OFFSET + ts.PACKET_BYTES * slot
        payload = cryptolib.aes(KEY, 2, ts.CISSA_IV).decrypt(slots.source[at + 4 : at + 180])
        head = bytes(slots.source[at : at + 3]) + bytes((slots.source[at + 3] & 0x3F,))
        wanted = head + payload + slots.source[at + 180 : at + 188]
        if slots.out[188 * slot : 188 * slot + 188] != wanted:
            return 0
    return 1

took, allocated = lap(raw)
say("raw_us", took)
took, allocated = lap(ours)
say("ours_us", took)
say("allocated", allocated)
say("opened", slots.filled)
say("right", right())

class Sink:
    def write(self, view):
        return len(view)

class Tuner:
    def any(self):
        return 0

if helper is not None:
    say("jobs", helper.jobs)
    helper.end()
    helper = SecondCore()
player = Player(Tuner(), Sink())
call = CallOpener(helper)
player.add_opener(call)
lay_out(call.slots.source)
player.programmes.table[PID] = ts.PID_ES
call._ciphers[0] = call._ciphers[1] = cipher

def handle():
    player._have = ts.PACKET_BYTES * PACKETS
    player._handle(PACKETS, 0)

took, allocated = lap(handle)
say("player_us", took)
say("player_allocated", allocated)
say("player_opened", player.opened)
"""


def _measure(image: Image | None, cores: int, name: str, goal: float) -> Figure:
    said = run_probe(image or pico_image(), _PROGRAM % (PACKETS, ROUNDS, cores))
    batches = PACKETS * ROUNDS
    value = said["raw_us"] / said["ours_us"]
    if not said["right"] or said["opened"] != PACKETS or said["allocated"]:
        value = 0.0
    helped = ""
    if cores == 2:
        # Half of each batch, and one round warms up.
        if said["jobs"] != ROUNDS + 1:
            value = 0.0
        helped = f", {said['jobs']} runs opened by the second core"

    def cycles(of: str) -> int:
        return round(said[of] * CYCLES_PER_US / batches)

    how = (
        f"{batches} packets of 176 scrambled octets in simulated time, {PACKETS} to a batch{helped}: "
        f"{cycles('ours_us'):,} cycles per packet, raw CBC on one core {cycles('raw_us'):,}, the player's whole "
        f"handling {cycles('player_us'):,}; {said['allocated']} bytes allocated, per batch by the player "
        f"{said['player_allocated'] / ROUNDS:.0f}"
    )
    return Figure(name, round(value, 3), "ratio", goal, "higher", how)


def pico_descramble_vs_raw_cbc(image: Image | None = None) -> Figure:
    """settop's Descrambler over a batch of whole packets against one raw CBC call over the same octets, on one core.

    Both on the emulated Pico in simulated time. The value is 0 where a packet came out wrong or memory was allocated.
    """
    return _measure(image, 1, "pico_descramble_vs_raw_cbc", 0.9)


def pico_two_core_descramble_vs_raw_cbc(image: Image | None = None) -> Figure:
    """The same with both cores, against the raw call on one of them; 0 also where the second did not do its part."""
    return _measure(image, 2, "pico_two_core_descramble_vs_raw_cbc", 1.8)
