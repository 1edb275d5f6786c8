"""What the terminal is like right after power-on: how soon it dials, and how much of its heap is free."""

from contextlib import closing

from testbed.bench.figure import Figure
from testbed.bench.pico_call import SRAM_BYTES, frozen_runtime
from testbed.machines.base import MachineError
from testbed.runtimes.find import pico_image
from testbed.runtimes.image import Image
from testbed.scenario.runner import Bench
from testbed.station import Station
from testbed.systems.call.plan import CallPlan

LIMIT_MS = 5_000
BAUD = 1_500_000
GOAL_HEAP_BYTES = 166 * 1024


def provisioned(image: Image) -> Bench:
    """A bench with one provisioned terminal, settop frozen in, its power off."""
    bench = Bench(CallPlan(runtime="pico"), frozen_runtime(image), BAUD, lambda what, share: None)
    try:
        bench.provision()
        station = terminal(bench)
        bench.world.run_until(bench.world.now_ms + 100)
        station.power_cut(bench.world.now_ms)
    except BaseException:
        bench.close()
        raise
    station.console.clear()
    station.sent["modem"].clear()
    return bench


def terminal(bench: Bench) -> Station:
    (station,) = bench.stations.values()
    return station


def boot_to_dialling_ms(image: Image | None = None) -> Figure:
    """From power-on to the millisecond in which ATDT has left the board. MachineError: it did not dial."""
    with closing(provisioned(image or pico_image(frozen=True))) as bench:
        world, station = bench.world, terminal(bench)
        started_ms = world.now_ms
        station.power_on()
        station.say("call")  # the host sends it as soon as the board's USB port is there; the application finds it
        if not world.run_until(started_ms + LIMIT_MS, lambda: b"ATDT" in station.sent["modem"]):
            raise MachineError(f"no ATDT within {LIMIT_MS} ms of power-on: {station.console} {station.chatter}")
        took_ms = world.now_ms - started_ms
    at_ms = {event.name: event.at_ms - started_ms for event in reversed(station.console)}
    how = (
        f"settop frozen in, provisioned, USB host there from power-on with `call` in its queue; in virtual time: the "
        f"application up at {at_ms['ready']} ms, the command read at {at_ms['dialling']} ms, then ATZ, the set-up line "
        f"and ATDT with the modem's answers between"
    )
    return Figure("boot_to_dialling_ms", float(took_ms), "ms", 1000.0, "lower", how)


def frozen_heap_free_bytes(image: Image | None = None) -> Figure:
    """Free heap after gc.collect() as the terminal's `status` says it, before any call. MachineError: it was silent."""
    with closing(provisioned(image or pico_image(frozen=True))) as bench:
        world, station = bench.world, terminal(bench)
        station.power_on()
        station.say("status")
        if not world.run_until(world.now_ms + LIMIT_MS, lambda: bool(station.events("status"))):
            raise MachineError(f"no answer to `status` within {LIMIT_MS} ms of power-on: {station.chatter}")
        (status,) = station.events("status")
    free, used = (int(status.value(key) or 0) for key in ("heap_free", "heap_used"))
    how = (
        f"settop frozen in, provisioned, booted and ready to play and to call, {status.value('cores')} cores: {used:,} "
        f"of {free + used:,} bytes of heap in use after gc.collect(); SRAM has {SRAM_BYTES:,}"
    )
    return Figure("frozen_heap_free_bytes", float(free), "bytes", float(GOAL_HEAP_BYTES), "higher", how)
