"""Terminals on the Pico's image with a network: how they are found, what their files say, and the call, unchanged."""

import json
from dataclasses import replace

import pytest
from settop.errors import LocalError
from testbed.boards import load_board
from testbed.machines.pico import PicoMachine
from testbed.runtimes.image import Image
from testbed.scenario.plan import ActionPlan
from testbed.scenario.runner import run_plan
from testbed.systems.call.judging import demo_checks
from testbed.systems.call.plan import CallPlan
from testbed.terminals import Runtime, cabled, find_runtime, terminal_files, terminal_spec

from tests.helpers.commands import ringcast
from tests.helpers.observed import cheap_broadcast

CONFIG = "board_config.py"


def config(*words, **options):
    return terminal_files(*words, **options)[CONFIG].decode().splitlines()


def test_wires_are_said_where_they_are_not_the_boards_own():
    assert config("pico", 921_600) == ["TUNER_BAUD = 921600"]
    assert config("pico", 921_600, wires=("modem", "tuner")) == ["TUNER_BAUD = 921600"]
    said = config("pico", 921_600, ("network",), ("network", "tuner"))
    assert said == ["TUNER_BAUD = 921600", "WIRES = {0: 'network', 1: 'tuner'}", "SERVICES = ('network',)"]
    spec = terminal_spec("pico", 921_600, b"", wires=("network", "tuner"))
    assert spec.wires == ("network", "tuner") and b"'network'" in spec.files[CONFIG]
    assert terminal_spec("cpython", 921_600, b"", wires=("network", "tuner")).wires == ("network", "tuner")


@pytest.mark.parametrize("wires", [("tuner",), ("modem", "tuner", "network")])
def test_a_pico_with_more_or_fewer_wires_than_uarts_is_refused(wires, tmp_path):
    spec = terminal_spec("pico", 921_600, b"", wires=wires)
    with pytest.raises(LocalError, match=f"a Pico has 2 UARTs, not {len(wires)}"):
        PicoMachine(Image(tmp_path / "none.uf2", "given"), spec)


@pytest.mark.parametrize("runtime", ["pico", "serial"])
def test_a_network_and_an_image_of_ones_own_do_not_go_together(runtime, tmp_path):
    ended = ringcast(
        "demo", "--network", "--runtime", runtime, "--uf2", tmp_path / "own.uf2", "--out", tmp_path / "out"
    )
    assert ended.status == 1 and "--uf2" in ended.err and "Traceback" not in ended.err


@pytest.mark.pico
@pytest.mark.long
def test_the_call_is_the_same_on_the_image_with_a_network(frozen_network_image, tmp_path):
    source = cheap_broadcast(tmp_path / "in.ts", 6)
    arguments = ("--input", source, "--portion-seconds", 1, "--dial-at", 0.2, "--hang-up-at", 5.2)
    seen = {}
    for name, more in (("stock", ()), ("network", ("--network",))):
        out = tmp_path / name
        ended = ringcast("demo", "--runtime", "pico", "--out", out, "--json", out / "seen.json", *arguments, *more)
        assert ended.status == 0 and "NOT SEEN" not in ended.out, ended.out
        seen[name] = json.loads((out / "seen.json").read_text())
    keys = [each["call"]["keys_delivered"] for each in seen.values()]
    clear = [[p["index"] for p in each["portions"] if p["clear_equal_original"]] for each in seen.values()]
    assert keys[0] == keys[1] and clear[0] == clear[1] and len(clear[0]) >= 3
    assert find_runtime("pico", network=True).origin == "cache"


@pytest.mark.pico
@pytest.mark.long
def test_the_call_goes_over_one_cable_that_has_a_networks_channel_too(frozen_network_image, tmp_path):
    def with_network(spec):
        config = spec.files[CONFIG] + b"WIRES = {0: 'modem', 1: 'tuner', 2: 'network'}\n"
        return PicoMachine(frozen_network_image, replace(spec, files=beside({**spec.files, CONFIG: config})))

    beside = load_board("pico").beside_frozen
    runtime = cabled(Runtime("pico", "", with_network))
    source = cheap_broadcast(tmp_path / "in.ts", 6)
    plan = CallPlan(
        runtime="pico",
        input=source,
        portion_seconds=1.0,
        actions=(
            ActionPlan(0.2, "T1", "call"),
            ActionPlan(5.2, "T1", "hang_up"),
            ActionPlan(5.6, "T1", "command", "status"),
        ),
    )
    run = run_plan(plan, runtime, tmp_path / "out")
    (terminal,) = run.terminals
    assert all(check.passed for check in demo_checks(run)), demo_checks(run)
    assert terminal.station.machine.host.carries("network")
    assert terminal.station.machine.lost == {"tuner": 0, "network": 0}
    status = terminal.station.events("status")[-1]
    assert [status.value(name) for name in ("damaged", "resyncs", "lost", "overflow")] == ["0"] * 4
