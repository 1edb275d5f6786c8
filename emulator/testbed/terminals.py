"""What a terminal is made of, for each runtime: the firmware package, its board file, main.py, and the machine."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from settop.errors import LocalError

from testbed.machines.base import Machine, TerminalSpec, package_files
from testbed.runtimes.image import RuntimeUnavailable

RUNTIMES = ("pico", "unix", "cpython")
TUNER_BAUDS = (921_600, 1_500_000, 2_000_000)
"""What the emulated RP2040's UART takes without loss; 3 Mbaud loses octets."""
FIRMWARE = Path(__file__).resolve().parents[2] / "firmware"
BOARDS = FIRMWARE.parent / "boards"

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Runtime:
    """A way to run terminals that has been found on this machine. `machine(spec)` makes one."""

    name: str
    origin: str
    machine: Callable[[TerminalSpec], Machine]


def terminal_files(board: str, tuner_baud: int) -> dict[str, bytes]:
    """The files of a terminal on `board`: "pico" or "unix"."""
    return {
        **package_files(),
        "board.py": (BOARDS / board / "board.py").read_bytes(),
        "board_config.py": f"TUNER_BAUD = {tuner_baud}\n".encode(),
        "main.py": (FIRMWARE / "main.py").read_bytes(),
        "boot.py": (FIRMWARE / "boot.py").read_bytes(),
    }


def terminal_spec(runtime: str, tuner_baud: int, seed: bytes) -> TerminalSpec:
    """The spec of a terminal whose identity and entropy come from `seed`."""
    files = {} if runtime == "cpython" else terminal_files(runtime, tuner_baud)
    return TerminalSpec(files=files, baud_tuner=tuner_baud, seed=seed)


def tuner_baud_for(fits: Callable[[int], bool]) -> int:
    """The lowest rate of TUNER_BAUDS that `fits`, or the highest of all (whoever checks it then says what is wrong)."""
    return next((baud for baud in TUNER_BAUDS if fits(baud)), TUNER_BAUDS[-1])


def find_runtime(name: str, uf2: Path | None = None, progress: Progress | None = None) -> Runtime:
    """The runtime of that name. Raises RuntimeUnavailable with one line that says why and what to do."""
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
        from testbed.runtimes.find import pico_image

        image = pico_image(uf2, progress=progress)
        return Runtime(name, image.origin, lambda spec: PicoMachine(image, spec))
    raise LocalError(f"no runtime {name!r}; there are {', '.join(RUNTIMES)}")


def find_runtime_or_next(name: str, uf2: Path | None, progress: Progress) -> Runtime:
    """The same, but where a Pico image cannot be had it says so in one line and goes on with the unix port."""
    try:
        return find_runtime(name, uf2, progress)
    except RuntimeUnavailable as error:
        if name != "pico" or uf2 is not None:
            raise
        progress(f"no Pico image: {error}; going on with the unix port")
        return find_runtime("unix", None, progress)
