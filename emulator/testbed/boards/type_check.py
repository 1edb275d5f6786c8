"""mypy over settop, main.py and each board's own modules, against the stubs of the board's port and nothing else.

`python -m testbed.boards.type_check PYTHON FOLDER`: PYTHON has mypy and pip; stubs and caches go to FOLDER. What a port
does not have (a module, a name, an argument) is an error. The stubs are those that board.toml names.
"""

import os
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from testbed.boards.profile import BOARD_NAMES, BOARDS, FIRMWARE, SHARED, Board, load_board

STDLIB = "micropython-stdlib-stubs==1.25.0"


def install_stubs(python: str, folder: Path, requirement: str) -> Path:
    """The folder with the stubs of one port, made at the first call for a version."""
    place = folder / requirement.replace("==", "-")
    mark = place / ".complete"
    if not mark.is_file() or mark.read_text() != STDLIB:
        words = ["-m", "pip", "install", "--quiet", "--upgrade", "--target", str(place), requirement, STDLIB]
        subprocess.run([python, *words], check=True)
        mark.write_text(STDLIB)
    return place


def check(python: str, board: Board, stubs: Path, folder: Path) -> tuple[bool, str]:
    """Whether the board's sources fit its port, and what mypy says."""
    sources = [board.folder / name if (board.folder / name).is_file() else SHARED / name for name in board.modules]
    words = ["--config-file", str(BOARDS.parent / "tox.ini"), "--no-site-packages", "--custom-typeshed-dir", str(stubs)]
    words += ["--cache-dir", str(folder / f"cache-{board.name}"), str(FIRMWARE / "settop"), str(FIRMWARE / "main.py")]
    words += [str(board.folder / "board.py"), *map(str, sources)]
    path = os.pathsep.join(map(str, (stubs, FIRMWARE, board.folder, SHARED)))
    done = subprocess.run(
        [python, "-m", "mypy", *words],
        env={**os.environ, "MYPYPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode == 0, done.stdout


def check_all(python: str, boards: Iterable[Board], folder: Path) -> bool:
    """Check as many boards at once as there are cores; whether all of them fit. What does not fit is printed."""
    placed = [(board, install_stubs(python, folder, board.stubs)) for board in boards]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        results = pool.map(lambda one: check(python, one[0], one[1], folder), placed)
        fits = True
        for (board, _), (fit, said) in zip(placed, results, strict=True):
            print(f"{board.name}: against {board.stubs}\n{said}", end="", flush=True)
            fits = fits and fit
    return fits


def main(python: str, folder: str) -> int:
    return 0 if check_all(python, [load_board(name) for name in BOARD_NAMES], Path(folder)) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
