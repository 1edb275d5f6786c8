"""A call and broadband on one cable, on the emulated Pico: a page is fetched while the picture is clear."""

import hashlib
from dataclasses import replace

import pytest
from testbed.boards import load_board
from testbed.boards.profile import FIRMWARE
from testbed.machines.base import NETWORK
from testbed.machines.cabled import TURN_NS, CabledMachine, cabled_spec
from testbed.machines.pico import PicoMachine
from testbed.network.links import Link
from testbed.network.network import Network
from testbed.scenario.plan import ActionPlan
from testbed.scenario.runner import run_plan
from testbed.systems.call.judging import demo_checks
from testbed.systems.call.plan import CallPlan
from testbed.terminals import Runtime

from tests.helpers.network_services import KIB64, SERVER, Files

pytestmark = [
    pytest.mark.pico,
    pytest.mark.long,
    pytest.mark.skipif(not (FIRMWARE / "settop/services/network").is_dir(), reason="no service of the network's"),
]

CONFIG = b"WIRES = {0: 'modem', 1: 'tuner', 2: 'network'}\nSERVICES = ('call', 'network')\n"
FETCH_S, HANG_UP_S = 5.0, 11.0


class Online(CabledMachine):
    """With a provider at the far end of the cable's network."""

    def __init__(self, machine):
        super().__init__(machine)
        network = Network(1)
        network.host(SERVER).serve_tcp(80, Files)
        network.names.set("films.example", SERVER)
        self.provider = network.ppp(down=Link(rate_bits_s=1_500_000))
        self.at_ns = 0

    def advance(self, now_ns):
        while self.at_ns < now_ns:
            self.at_ns = min(now_ns, self.at_ns + TURN_NS)
            super().advance(self.at_ns)
            self.provider.receive(self.take(NETWORK), self.at_ns)
            if octets := self.provider.take():
                self.send(NETWORK, octets)


@pytest.fixture(scope="module")
def call(frozen_network_image, tmp_path_factory):
    beside = load_board("pico").beside_frozen

    def machine(spec):
        spec = cabled_spec(spec)
        config = spec.files["board_config.py"] + CONFIG
        files = beside({**spec.files, "board_config.py": config})
        return Online(PicoMachine(frozen_network_image, replace(spec, files=files)))

    plan = CallPlan(
        runtime="pico",
        clip_seconds=12,
        portion_seconds=2.0,
        actions=(
            ActionPlan(0.2, "T1", "command", "network up"),
            ActionPlan(1.0, "T1", "call"),
            ActionPlan(FETCH_S, "T1", "command", "fetch http://films.example/film"),
            ActionPlan(HANG_UP_S, "T1", "hang_up"),
            ActionPlan(HANG_UP_S + 0.8, "T1", "command", "status"),
        ),
    )
    return run_plan(plan, Runtime("pico", "", machine), tmp_path_factory.mktemp("beside"))


def test_the_page_comes_whole(call):
    """Slowly: what the programme leaves of the cable and of the board's core is some 6 kB/s."""
    (fetched,) = call.terminals[0].station.events("fetched")
    assert fetched.value("sha256") == hashlib.sha256(KIB64).hexdigest()
    assert int(fetched.value("ms")) > 1000 * (HANG_UP_S - FETCH_S)  # so it was under way in all of the call


def test_nothing_of_the_programme_is_lost(call):
    (terminal,) = call.terminals
    assert all(check.passed for check in demo_checks(call)), demo_checks(call)
    assert terminal.station.machine.lost == {"tuner": 0, "network": 0}
    status = terminal.station.events("status")[-1]
    assert [status.value(name) for name in ("damaged", "resyncs", "lost", "overflow")] == ["0"] * 4
    assert terminal.station.chatter == []
