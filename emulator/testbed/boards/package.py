"""The firmware's package as files of a terminal."""

from collections.abc import Sequence
from pathlib import Path

import settop
from settop.errors import LocalError


def package_files(root: Path | None = None, prefix: str = "lib/settop") -> dict[str, bytes]:
    """The modules of a package as terminal files, {"lib/settop/app.py": ...}.

    `root`: its folder, settop's if None.
    """
    folder = Path(next(iter(settop.__path__))) if root is None else root
    return {
        f"{prefix}/{path.relative_to(folder).as_posix()}": path.read_bytes() for path in sorted(folder.rglob("*.py"))
    }


def service_names() -> tuple[str, ...]:
    """The services that there are, which a board's SERVICES may name, in alphabetical order."""
    parts = [name.split("/") for name in package_files() if name.endswith("/service.py")]
    return tuple(words[-2] for words in parts if words[-3] == "services")


def check_services(names: Sequence[str]) -> None:
    """Raises LocalError for a name that is no service, or is there twice."""
    there = service_names()
    for name in names:
        if name not in there:
            raise LocalError(f"no service {name!r}; there are {', '.join(there)}")
        if names.count(name) > 1:
            raise LocalError(f"service {name} is named twice")
