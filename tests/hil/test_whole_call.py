"""From a board with nothing on it to a cleared picture, as a user does it: flash, power cycle, call.

The board is an emulated Pico in a process of its own, used as one that is attached: by the names of its ports.
"""

import pytest
from testbed.systems.call.plan import LinePlan
from testbed.terminals import Runtime, find_runtime

from tests.helpers.commands import ringcast
from tests.helpers.observed import call_plan, cheap_broadcast, dark_portions, observe, whole_portions

DIAL_S, HANG_UP_S, SECONDS = 0.3, 5.4, 8


class InStep:
    """A machine, and the board process behind its ports: held in step with the bench, as a busy host may need it."""

    def __init__(self, machine, board):
        self._machine, self._board = machine, board

    def keep_step(self, bench_ns):
        return self._board.keep_step(bench_ns)

    def __getattr__(self, name):
        return getattr(self._machine, name)


@pytest.mark.parametrize("link", ["uarts", "cable"])
def test_flashed_and_power_cycled_board_plays_the_call(emulated, link, tmp_path):
    board = emulated()
    ports = dict(board.urls)
    # One core: two of them, emulated, may not keep pace with a real clock.
    done = ringcast("flash", "--board", "pico", "--port", ports["console"], "--link", link, "--cores", "1")
    assert done.status == 0, done.err
    board.power_off()
    board.power_on()
    others = {"modem_port": ports["modem"], "tuner_port": ports["tuner"]} if link == "uarts" else {}
    logs = tmp_path / "attached"
    attached = find_runtime(f"serial:{ports['console']}", board="pico", link=link, logs=logs, **others)
    runtime = Runtime("serial", attached.origin, lambda spec: InStep(attached.machine(spec), board))
    source = cheap_broadcast(tmp_path / "in.ts", SECONDS)
    plan = call_plan(source, DIAL_S, HANG_UP_S, runtime="serial", portion_seconds=1.0, line=LinePlan(setup_ms=100))
    observed = observe(plan, tmp_path / "out", runtime)
    (call,) = observed.first.calls
    assert call.ended_ms is not None
    whole = whole_portions(observed.first)
    assert len(whole) >= 2
    assert whole[-1] == int(HANG_UP_S)
    assert set(dark_portions(observed.first)) >= {0, 6, 7}
    assert observed.first.analysis.damaged_packets == 0
    log_names = ["console", "modem", "tuner"] if link == "uarts" else ["cable", "console", "modem", "network", "tuner"]
    assert sorted(path.stem for path in logs.iterdir()) == log_names
    assert "authenticated" in (logs / "console.log").read_text()
    assert board.fault() is None
