"""What one cable carries, against the bare USB line that it runs on, on the emulated Pico."""

import random

from testbed.bench.figure import Figure
from testbed.bench.pico_probe import CYCLES_PER_US
from testbed.boards import load_board
from testbed.line.cable import CableHost
from testbed.machines.base import MachineError, TerminalSpec
from testbed.machines.pico import PicoMachine
from testbed.runtimes.find import pico_image
from testbed.runtimes.image import Image

OCTETS = 32_768
LIMIT_MS = 20_000
_TURN_NS = 1_000_000
_SESSION = 0x2A2A

# Both readers and both writers move the same octets; what is measured begins with the first of them.
_PROGRAM = b"""
import gc, machine, select, sys, time
from settop.link.cable import usb_cable

OCTETS = %d
line = machine.UART(0, 115200, tx=machine.Pin(0), rx=machine.Pin(1), txbuf=2048)
def say(name, value):
    line.write("%%s %%d\\n" %% (name, value))

there = select.poll()
there.register(sys.stdin, select.POLLIN)
data = bytearray(OCTETS)
view = memoryview(data)

def total():
    value = 0
    for at in range(0, OCTETS, 64):
        value = value * 31 + data[at] & 0xFFFF
    return value

def lap(name, work):
    gc.collect()
    say("go", 0)
    there.poll(5000)
    started = time.ticks_us()
    work()
    say(name, time.ticks_diff(time.ticks_us(), started))

def raw_in():
    sys.stdin.buffer.readinto(data)

def raw_out():
    sys.stdout.buffer.write(data)

lap("raw_in_us", raw_in)
say("raw_in_sum", total())
lap("raw_out_us", raw_out)

for at in range(0, OCTETS, 64):
    data[at] = 0
cable = usb_cable()
while cable.mux.session is None:
    cable.poll()
tuner, output = cable.tuner, cable.output

def cable_in():
    at = 0
    while at < OCTETS:
        # As the player reads: what is there, up to a batch.
        count = tuner.any()
        if count:
            at += tuner.readinto(view[at : min(OCTETS, at + min(count, 5828))])

def cable_out():
    at = 0
    while at < OCTETS:
        at += output.write(view[at : min(OCTETS, at + 5828)])
        if at < OCTETS:
            cable.poll()

lap("cable_in_us", cable_in)
say("cable_in_sum", total())
lap("cable_out_us", cable_out)
before = gc.mem_alloc()
say("end", 0)
"""


def one_cable_vs_usb(image: Image | None = None) -> Figure:
    """Goodput of the tuner's channel against a bare readinto of the same octets from USB, in simulated time.

    The other direction is in the text: the output channel against a bare write. The value is 0 where an octet came out
    wrong. MachineError: the board's program had no end.
    """
    octets = bytes(random.Random(1).choices([octet for octet in range(256) if octet != 3], k=OCTETS))
    said, returned = _run(image or pico_image(), octets)
    right = said["raw_in_sum"] == said["cable_in_sum"] and returned == [octets, octets]
    value = said["raw_in_us"] / said["cable_in_us"] if right else 0.0

    def pace(name: str) -> str:
        each = said[name] / OCTETS
        return f"{1000 / each:,.0f} KB/s, {each * CYCLES_PER_US:,.0f} cycles an octet"

    how = (
        f"{OCTETS:,} octets in simulated time. To the board: {pace('cable_in_us')}; bare readinto {pace('raw_in_us')}. "
        f"From it: {pace('cable_out_us')}; bare write {pace('raw_out_us')}, "
        f"ratio {said['raw_out_us'] / said['cable_out_us']:.2f}"
    )
    return Figure("one_cable_vs_usb", round(value, 3), "ratio", 0.6, "higher", how)


def _run(image: Image, octets: bytes) -> tuple[dict[str, int], list[bytes]]:
    """What the board reported, and what it put out, raw and through the cable."""
    files = load_board("pico").files({"SERVICES": ()}, {"main.py": _PROGRAM % OCTETS})
    machine = PicoMachine(image, TerminalSpec(files=files, seed=b"bench"))
    machine.boot()
    host: CableHost | None = None
    said, raw, out = b"", b"", b""
    steps = iter(("raw_in", "raw_out", "cable_in", "cable_out"))
    goes = now_ns = 0
    try:
        while not said.endswith(b"end 0\n"):
            now_ns += _TURN_NS
            machine.advance(now_ns)
            said += machine.take("modem")
            console = machine.take("console")
            if host is None:
                raw += console
                if len(raw) >= OCTETS:
                    host = CableHost(_SESSION)
                    host.receive(raw[OCTETS:])
            else:
                host.receive(console)
            if said.count(b"go 0\n") > goes:
                goes += 1
                step = next(steps)
                if step == "raw_in":
                    machine.send("console", octets)
                elif step == "raw_out":
                    machine.send("console", b"\n")
                elif host is not None:
                    host.send("tuner" if step == "cable_in" else "console", octets if step == "cable_in" else b"\n")
            if host is not None:
                machine.send("console", host.data_to_send())
                out += host.take("output")
            if now_ns > LIMIT_MS * 1_000_000:
                words = (console + raw[-400:]).decode("utf-8", "replace").strip()
                raise MachineError(f"the cable's probe had no end within {LIMIT_MS} simulated ms; it said: {words}")
    finally:
        machine.close()
    reports = [line.split() for line in said.decode().splitlines()]
    return {name: int(value) for name, value in reports}, [raw[:OCTETS], out]
