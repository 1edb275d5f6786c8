"""The runtime "serial": terminals on boards behind serial ports."""

import dataclasses
from collections.abc import Callable
from itertools import count
from pathlib import Path

from settop.errors import LocalError

from testbed.boards.profile import LINKS, load_board
from testbed.hil.adapter import CONSOLE, MODEM, NETWORK, TUNER, AttachedBoard, EmulatedBoard
from testbed.hil.machine import SerialMachine
from testbed.hil.ports import check_url
from testbed.machines.base import Machine, TerminalSpec


def serial_machines(
    url: str | None,
    *,
    board: str = "pico",
    modem_port: str | None = None,
    tuner_port: str | None = None,
    network_port: str | None = None,
    link: str = "uarts",
    logs: Path | None = None,
    uf2: Path | None = None,
    progress: Callable[[str], None] | None = None,
    network: bool = False,
) -> tuple[str, Callable[[TerminalSpec], Machine]]:
    """(where they come from, what makes a machine of a spec).

    url: the console of an attached board, on which the terminal has been put already (`ringcast flash`); there is one
    terminal then. Without it, each terminal is an emulated Pico in a process of its own, with the spec's files on it.
    network: emulated ones have the image with a network and settop inside; an attached board has what is on it.
    logs: folder for a log file of each line. Raises LocalError, and RuntimeUnavailable when there is no Pico image.
    """
    if link not in LINKS:
        raise LocalError(f"no link {link!r}; there are {', '.join(LINKS)}")
    profile = load_board(board)
    if url is None:
        if board != "pico":
            raise LocalError(f"the emulated board is a pico; to use board {board!r}, say where it is: serial:URL")
        return _emulated(link, logs, uf2, progress, network)
    urls = {CONSOLE: url}
    for port, given in ((MODEM, modem_port), (TUNER, tuner_port), (NETWORK, network_port)):
        if given is not None:
            urls[port] = given
    for each in urls.values():
        check_url(each)
    wanted = (TUNER,) if NETWORK in urls else (MODEM, TUNER)  # the network is in the modem's place
    missing = [port for port in wanted if link == "uarts" and port not in urls]
    if missing:
        raise LocalError(
            f"the board at {url} needs {' and '.join(f'--{port}-port PORT' for port in missing)}: the serial "
            "adapters on its UARTs; or set LINK = 'cable' in its board_config.py and say --link cable"
        )
    return f"board {board} at {url}", lambda spec: SerialMachine(AttachedBoard(urls, profile, logs), spec, link)


def _emulated(
    link: str, logs: Path | None, uf2: Path | None, progress: Callable[[str], None] | None, network: bool
) -> tuple[str, Callable[[TerminalSpec], Machine]]:
    from testbed.machines.pico_flash import flash_image
    from testbed.runtimes.find import firmware_image, pico_image

    profile, made = load_board("pico"), count(1)
    image = firmware_image(profile, progress, network=True) if network else pico_image(uf2, progress=progress)

    def emulated(spec: TerminalSpec) -> Machine:
        if link == "cable":
            config = spec.files.get("board_config.py", b"") + b"LINK = 'cable'\n"
            spec = dataclasses.replace(spec, files={**spec.files, "board_config.py": config})
        files = profile.beside_frozen(spec.files) if image.frozen else spec.files
        folder = None if logs is None else logs / f"board{next(made)}"
        board = EmulatedBoard(flash_image(image.path, files), spec.seed, profile, folder, wires=spec.wires)
        return SerialMachine(board, spec, link)

    return f"emulated pico processes ({image.origin})", emulated
