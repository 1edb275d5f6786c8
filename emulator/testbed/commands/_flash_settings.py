"""What `ringcast flash` makes of its options: the board's settings, and the certificate that goes beside them."""

import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from settop.errors import LocalError
from settop.services.network.kept import MAX_AUTHORITY_OCTETS

if TYPE_CHECKING:
    from testbed.boards import Board

WIRE_NAMES = ("modem", "tuner", "network", "dock")


def board_settings(
    board: "Board",
    link: str | None,
    cores: int | None,
    tuner_baud: int | None,
    services: Sequence[str],
    wires: Sequence[str],
    headend: str | None,
) -> dict[str, object]:
    """What of board_config.py the options set. LocalError, or typer.BadParameter for an option that is none."""
    from testbed.boards.package import check_services

    check_services(services)
    if link not in (None, "uarts", "cable"):
        raise typer.BadParameter(f"--link {link}: expected uarts or cable")
    if cores == 2 and board.constants.get("CORES") == 1:
        raise LocalError(f"{board.name} descrambles on one core: leave --cores away")
    given = {
        "LINK": link,
        "CORES": cores,
        "TUNER_BAUD": tuner_baud,
        "WIRES": _wires(board, wires) or None,
        "SERVICES": tuple(services) or None,
        "HEADEND": headend,
    }
    return {name: value for name, value in given.items() if value is not None}


def _wires(board: "Board", wires: Sequence[str]) -> dict[int, str]:
    """{UART: what it leads to} of words UART=NAME, all that there are: a board's WIRES are set as a whole."""
    found: dict[int, str] = {}
    for word in wires:
        number, _, name = word.partition("=")
        if not number.isdecimal() or name not in WIRE_NAMES:
            raise typer.BadParameter(f"--wire {word}: expected UART=NAME, NAME one of {', '.join(WIRE_NAMES)}")
        if int(number) in found or name in found.values():
            raise typer.BadParameter(f"--wire {word}: each UART and each NAME once")
        found[int(number)] = name
    if found and "tuner" not in found.values():
        raise typer.BadParameter(f"--wire: name all of them, the tuner's too; {board.name} comes with {_own(board)}")
    return found


def _own(board: "Board") -> str:
    wires = board.constants["WIRES"]
    assert isinstance(wires, dict)
    return " ".join(f"--wire {uart}={name}" for uart, name in wires.items())


def certificate_der(path: Path) -> bytes:
    """A certificate's DER, of a file in DER or PEM. LocalError for what is none, is more than
    one, or is longer than a terminal takes; OSError."""
    data = path.read_bytes()
    try:
        if data.lstrip().startswith(b"-----"):
            if data.count(b"-----BEGIN") > 1:
                raise LocalError(f"{path}: expected one certificate and nothing else, as in PATH.tls/authority.der")
            data = ssl.PEM_cert_to_DER_cert(data.decode("ascii").strip())
        if not data:
            raise ValueError  # ssl takes nothing for no wish
        ssl.create_default_context(cadata=data)
    except (ValueError, ssl.SSLError):
        raise LocalError(
            f"{path} is no certificate: expected one in DER or PEM, as `ringcast shop serve` leaves it in "
            "PATH.tls/authority.der"
        ) from None
    if len(data) > MAX_AUTHORITY_OCTETS:
        raise LocalError(f"{path} has {len(data)} octets in DER; a terminal takes {MAX_AUTHORITY_OCTETS} at most")
    return data
