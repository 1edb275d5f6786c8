"""How fast the firmware's SRTP is on MicroPython's unix port, beside libsrtp on the same machine in the same run."""

import os
import subprocess
import tempfile
import time
from pathlib import Path

from settop.errors import LocalError

from testbed.bench.figure import Figure
from testbed.boards.package import package_files
from testbed.runtimes import Binary, unix_binary

PAYLOAD_BYTES = 1316
PACKETS = 4096
ROUNDS = 5
GOAL = 0.3

# Says a line when it is ready, then for each line on its input how many microseconds the packets took.
_PROGRAM = """
import gc, sys, time
from settop.media.srtp import Session
from settop.media.srtp_suites import AES_CM_128_HMAC_SHA1_80

def packets():
    with open("packets", "rb") as source:
        while True:
            packet = source.read({size})
            if not packet:
                return
            yield bytearray(packet)

print("ready")
while sys.stdin.readline():
    session = Session(AES_CM_128_HMAC_SHA1_80, bytes(range(30)))
    took = 0
    taken = 0
    batch = []
    for packet in packets():
        batch.append(packet)
        if len(batch) == 256:
            gc.collect()
            began = time.ticks_us()
            for packet in batch:
                taken += session.unprotect(packet, {size}) == {clear}
            took += time.ticks_diff(time.ticks_us(), began)
            if bytes(packet[12:{clear}]) != b"s" * {payload}:
                taken = 0
            batch = []
    print(took if taken == {packets} else 0)
"""


def unix_srtp_vs_libsrtp(binary: Binary | None = None) -> Figure:
    """Packets of seven transport packets unprotected, as many in a second as libsrtp of them; the best round of each.

    0 where one came out wrong. Raises LocalError without pylibsrtp.
    """
    try:
        import pylibsrtp
    except ImportError:
        raise LocalError("libsrtp is not here: pip install pylibsrtp") from None
    policy = {"ssrc_type": pylibsrtp.Policy.SSRC_ANY_INBOUND, "key": bytes(range(30))}
    sender = pylibsrtp.Session(pylibsrtp.Policy(**policy))
    payload = b"s" * PAYLOAD_BYTES
    packets = [
        sender.protect(b"\x80\x21" + number.to_bytes(2, "big") + b"time" + b"ssrc" + payload)
        for number in range(1, PACKETS + 1)
    ]
    size = len(packets[0])
    program = _PROGRAM.format(size=size, clear=12 + PAYLOAD_BYTES, payload=PAYLOAD_BYTES, packets=PACKETS)
    argv = (binary or unix_binary()).argv
    ours_us, theirs_us = [], []
    with tempfile.TemporaryDirectory(prefix="ringcast-bench-") as folder:
        for name, content in {**package_files(), "main.py": program.encode(), "packets": b"".join(packets)}.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        with subprocess.Popen(
            [*argv, "-X", "heapsize=4M", "main.py"],
            cwd=folder,
            env={"PATH": os.defpath, "HOME": folder, "MICROPYPATH": ".frozen:lib"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdin is not None and process.stdout is not None
            process.stdout.readline()
            for _ in range(ROUNDS):
                process.stdin.write("\n")
                process.stdin.flush()
                ours_us.append(int(process.stdout.readline() or 0))
                receiver = pylibsrtp.Session(pylibsrtp.Policy(**policy))
                began = time.perf_counter()
                for packet in packets:
                    receiver.unprotect(packet)
                theirs_us.append((time.perf_counter() - began) * 1e6)
            process.stdin.close()
    if not all(ours_us):
        return Figure("unix_srtp_vs_libsrtp", 0.0, "ratio", GOAL, "higher", "packets came out wrong")
    bits = 8 * PAYLOAD_BYTES * PACKETS
    ours, theirs = bits / min(ours_us), bits / min(theirs_us)  # Mbit/s
    how = (
        f"{PACKETS} packets of {PAYLOAD_BYTES:,} octets unprotected, AES_CM_128_HMAC_SHA1_80, best of {ROUNDS} "
        f"alternating rounds: {ours:,.0f} Mbit/s, pylibsrtp {theirs:,.0f}"
    )
    return Figure("unix_srtp_vs_libsrtp", round(ours / theirs, 2), "ratio", GOAL, "higher", how)
