"""Linux's own TCP/IP as the other end: a tunnel device in a network namespace, and our stack behind it in real time.

Run by tests/peers as `unshare -Urn python tunnel.py NAME ...`; it makes the device, steps the network by the wall, lets
a function of the test module use Linux's sockets in a thread, and prints what that returns as JSON.
"""

import fcntl
import importlib.util
import json
import os
import queue
import select
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path += [str(ROOT), *(str(ROOT / folder) for folder in ("firmware", "host", "emulator"))]

from testbed.network.links import IDEAL, Link  # noqa: E402
from testbed.network.network import Network  # noqa: E402

LINUX, OURS = "10.77.0.2", "10.77.0.7"
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 1, 0x1000


class Tunnel:
    """The node of our network that Linux is: what the router sends it goes into the device, and the other way round."""

    def __init__(self) -> None:
        self._device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self._device, _TUNSETIFF, struct.pack("16sH22x", b"tun0", _IFF_TUN | _IFF_NO_PI))
        for command in (
            "link set lo up",
            f"address add {LINUX}/24 dev tun0",
            "link set tun0 multicast on up mtu 1500",
            "route add default dev tun0",
        ):
            subprocess.run(["ip", *command.split()], check=True)

    def fileno(self) -> int:
        return self._device

    def receive(self, data: bytes, now_ns: int) -> None:
        os.write(self._device, data)

    def take(self) -> list[bytes]:
        found = []
        while len(found) < 100:
            try:
                data = os.read(self._device, 4096)
            except BlockingIOError:
                break
            if data[0] >> 4 == 4:  # Linux speaks IPv6 on every new device
                found.append(data)
        return found

    def advance(self, now_ns: int) -> None:
        """Linux has a clock of its own."""

    def due_ns(self) -> int | None:
        return None


_wanted: queue.Queue[tuple[Callable[[], object], queue.Queue[object]]] = queue.Queue()


def do(what: Callable[[], object]) -> object:
    """From the thread of `work`: done where the network is stepped, which knows nothing of threads."""
    answer: queue.Queue[object] = queue.Queue()
    _wanted.put((what, answer))
    return answer.get(timeout=30)


def run(network: Network, link: Link, work: Callable[[], object], seconds: float = 60) -> object:
    """Steps the network in real time while `work`, which uses Linux's sockets, runs in a thread of its own."""
    tunnel = Tunnel()
    network.attach(LINUX, tunnel, link, link)
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(work()), daemon=True)
    began = time.monotonic_ns()
    thread.start()
    while thread.is_alive() and time.monotonic_ns() - began < seconds * 1e9:
        due_ns = network.due_ns()
        left = 0.02 if due_ns is None else min(0.02, max(0.0, (due_ns - (time.monotonic_ns() - began)) / 1e9))
        select.select([tunnel], [], [], left)
        network.touch(LINUX)
        while not _wanted.empty():
            what, answer = _wanted.get()
            answer.put(what())
        network.advance(time.monotonic_ns() - began)
    return found[0] if found else "the time was over"


def main() -> None:
    path, name, *arguments = sys.argv[1:]
    spec = importlib.util.spec_from_file_location("judged", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    print(json.dumps(getattr(module, name)(*map(float, arguments))))


__all__ = ["IDEAL", "LINUX", "OURS", "Link", "Network", "do", "run"]

if __name__ == "__main__":
    main()
