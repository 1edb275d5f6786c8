"""What a terminal is made of, for each runtime: the firmware package, its board file, main.py, and the machine."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from settop.errors import LocalError

from testbed.boards.profile import load_board
from testbed.machines.base import SERVICES, WIRES, Machine, TerminalSpec
from testbed.runtimes.image import Image, RuntimeUnavailable

RUNTIMES = ("pico", "unix", "cpython", "serial")
TUNER_BAUDS = {
    "pico": (921_600, 1_500_000),
    "unix": (921_600, 1_500_000, 2_000_000, 4_000_000),
    "cpython": (921_600, 1_500_000, 2_000_000, 4_000_000),
    "serial": (921_600,),
}
"""Rates of the tuner's line, 8N1. A Pico descrambles and puts out what 1.5 Mbaud bring, 1.2 Mbit/s; at 1.45 Mbit/s one
core was seen to fall behind."""

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Runtime:
    """A way to run terminals that has been found on this machine. `machine(spec)` makes one."""

    name: str
    origin: str
    machine: Callable[[TerminalSpec], Machine]


def terminal_files(
    board: str, tuner_baud: int, services: tuple[str, ...] = SERVICES, wires: tuple[str, ...] = WIRES
) -> dict[str, bytes]:
    """The files of a terminal on `board`, one of `testbed.boards.BOARD_NAMES`, that starts these services.

    wires: what lies on its lines, from number 0 on, as its WIRES say; more than a board has UARTs only on one cable.
    """
    config: dict[str, object] = {"TUNER_BAUD": tuner_baud}
    own = load_board(board).constants
    if services != own["SERVICES"]:
        config["SERVICES"] = services
    if wires != WIRES:
        config["WIRES"] = dict(enumerate(wires))
    return load_board(board).files(config)


def terminal_spec(
    runtime: str,
    tuner_baud: int,
    seed: bytes,
    services: tuple[str, ...] = SERVICES,
    wires: tuple[str, ...] = WIRES,
) -> TerminalSpec:
    """The spec of a terminal whose identity and entropy come from `seed`, and which starts these services.

    wires: as in `terminal_files`.
    """
    # Of "serial" it is the emulated board that takes files; on an attached one they are already.
    board = "pico" if runtime == "serial" else runtime
    files = {} if runtime == "cpython" else terminal_files(board, tuner_baud, services, wires)
    return TerminalSpec(files=files, baud_tuner=tuner_baud, seed=seed, services=services, wires=wires)


def tuner_baud_for(runtime: str, fits: Callable[[int], bool]) -> int:
    """The lowest of the runtime's TUNER_BAUDS that `fits`, or the highest (whoever checks it says what is wrong)."""
    bauds = TUNER_BAUDS[runtime]
    return next((baud for baud in bauds if fits(baud)), bauds[-1])


def find_runtime(
    name: str, uf2: Path | None = None, progress: Progress | None = None, network: bool = False, **serial_options: Any
) -> Runtime:
    """The runtime of that name. Raises RuntimeUnavailable with one line that says why and what to do.

    "serial" is an emulated Pico in a process of its own, "serial:URL" the board whose console is there; for both,
    `serial_options` as in `testbed.hil.runtime.serial_machines`. network: one whose terminals have IP. On an emulated
    Pico that is the image with a network and settop inside (`frozen_runtime`); what others have, they have anyway, and
    an attached board what was put on it. LocalError: with `network` and an image of one's own.
    """
    if network and uf2 is not None:
        raise LocalError("a network needs the image that has one: give no image of your own (--uf2) with it")
    if name == "serial" or name.startswith("serial:"):
        from testbed.hil.runtime import serial_machines

        origin, machine = serial_machines(
            name.partition(":")[2] or None, uf2=uf2, progress=progress, network=network, **serial_options
        )
        return Runtime("serial", origin, machine)
    if name == "cpython":
        from testbed.machines.cpython import CpythonMachine

        return Runtime(name, "this Python", CpythonMachine)
    if name == "unix":
        from testbed.machines.unix import UnixMachine
        from testbed.runtimes.find import unix_binary

        binary = unix_binary(progress=progress)
        return Runtime(name, binary.origin, lambda spec: UnixMachine(binary, spec))
    if name == "pico":
        from testbed.machines.pico import PicoMachine
        from testbed.runtimes.find import firmware_image, pico_image

        if network:
            return frozen_runtime(firmware_image(load_board("pico"), progress, network=True))
        image = pico_image(uf2, progress=progress)
        return Runtime(name, image.origin, lambda spec: PicoMachine(image, spec))
    raise LocalError(f"no runtime {name!r}; there are {', '.join(RUNTIMES)}")


def frozen_runtime(image: Image, make: Callable[[Image, TerminalSpec], Machine] | None = None) -> Runtime:
    """Emulated Picos on an image with settop inside: their file systems hold what is not in it.

    make: the machine, or something that watches one; a PicoMachine if None. LocalError: not frozen.
    """
    from testbed.machines.pico import PicoMachine

    if not image.frozen:
        raise LocalError(f"{image.path.name} has no settop inside; build one with pico_image(frozen=True)")
    made, beside = make or PicoMachine, load_board("pico").beside_frozen
    return Runtime(
        "pico", image.origin, lambda spec: made(image, replace(spec, files=beside(spec.files, image.inside)))
    )


def find_runtime_or_next(name: str, uf2: Path | None, progress: Progress, network: bool = False) -> Runtime:
    """The same, but where a Pico image cannot be had it says so in one line and goes on with the unix port."""
    try:
        return find_runtime(name, uf2, progress, network)
    except RuntimeUnavailable as error:
        if name != "pico" or uf2 is not None:
            raise
        progress(f"no Pico image: {error}; going on with the unix port")
        return find_runtime("unix", None, progress)


def cabled(runtime: Runtime) -> Runtime:
    """The runtime with every machine behind one cable."""
    from testbed.machines.cabled import CabledMachine, cabled_spec

    make = runtime.machine
    return replace(
        runtime, origin=runtime.origin + ", one cable", machine=lambda spec: CabledMachine(make(cabled_spec(spec)))
    )
