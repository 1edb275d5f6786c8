"""The firmware's package as files of a terminal."""

from pathlib import Path

import settop


def package_files(root: Path | None = None, prefix: str = "lib/settop") -> dict[str, bytes]:
    """The modules of a package as terminal files, {"lib/settop/app.py": ...}.

    `root`: its folder, settop's if None.
    """
    folder = Path(next(iter(settop.__path__))) if root is None else root
    return {
        f"{prefix}/{path.relative_to(folder).as_posix()}": path.read_bytes() for path in sorted(folder.rglob("*.py"))
    }
