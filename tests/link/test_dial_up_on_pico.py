"""A page by telephone on the emulated Pico: its modem on a UART, lwIP's PPP over the call, all of it frozen in.

What a call and a transfer do beside that is in test_dial_up.
"""

import hashlib

import pytest
from settop.wire.console import value
from testbed.boards import load_board
from testbed.machines.base import TerminalSpec
from testbed.machines.pico import PicoMachine
from testbed.runtimes import RuntimeUnavailable
from testbed.runtimes.find import firmware_image

from tests.helpers.dial_up_bench import PROVIDER, bench_with_server
from tests.helpers.network_services import KIB64, SERVER, Files

pytestmark = [pytest.mark.pico, pytest.mark.long]

CONFIG = b"SERVICES = ('network',)\nCORES = 1\n"
PAGE = KIB64[:8192]
LIMIT_MS = 120_000
HEAP_LEFT_BYTES = 100_000


@pytest.fixture
def bench(monkeypatch):
    try:
        image = firmware_image(load_board("pico"), network=True)
    except RuntimeUnavailable as error:
        pytest.skip(str(error))
    monkeypatch.setitem(Files.files, "/page", PAGE)
    machine = PicoMachine(image, TerminalSpec(files={"board_config.py": CONFIG}, seed=b"dial"))
    yield bench_with_server(machine=machine)
    machine.close()


def test_a_page_comes_by_dial_up_twice_with_a_lost_carrier_between(bench):
    bench.until("ready", limit_ms=LIMIT_MS)
    bench.say("network dial " + PROVIDER)
    assert bench.until("network_up", "network_failed", limit_ms=LIMIT_MS).startswith("network_up kind=dialup ms=")
    for dropped in (False, True):
        bench.say(f"fetch http://{SERVER}/page")
        if dropped:
            bench.run(3000)
            bench.exchange.drop(bench.port, bench.now_ms)
        told = bench.until("fetched", "fetch_failed", limit_ms=LIMIT_MS)
        assert told.startswith("fetched octets=8192 ") and value(told, "sha256") == hashlib.sha256(PAGE).hexdigest()
    assert bench.words().count("connected") == 2
    bench.say(f"echo {SERVER} 7 2 100")
    assert bench.until("echoed", limit_ms=LIMIT_MS).startswith("echoed sent=2 back=2 octets=200 ")
    bench.say(f"upload http://{SERVER}/nowhere 2000")
    assert value(bench.until("uploaded", "upload_failed", limit_ms=LIMIT_MS), "status") == "404"
    bench.say("join 239.1.2.3 5004")
    assert bench.until("joined", "error", limit_ms=LIMIT_MS) == "joined group=239.1.2.3 port=5004"
    bench.say("status")
    assert int(value(bench.until("status", limit_ms=LIMIT_MS), "heap_free")) > HEAP_LEFT_BYTES
    bench.say("network down")
    bench.until("hung_up", limit_ms=LIMIT_MS)
    assert not bench.port.off_hook and bench.machine.faults == []
