"""The `package.json` from which mip installs settop; `python -m testbed.boards.mip` writes it anew."""

import json
from pathlib import Path

from testbed.boards.package import package_files
from testbed.boards.profile import FIRMWARE

PATH = FIRMWARE.parent / "package.json"


def package_json() -> str:
    """The file's text: every module of settop, where it goes below lib/ and where it lies beside package.json."""
    names = [name.removeprefix("lib/") for name in package_files()]
    table = {"urls": [[name, f"firmware/{name}"] for name in names], "deps": [], "version": _version()}
    return json.dumps(table, indent=2) + "\n"


def _version() -> str:
    import tomllib

    version: str = tomllib.loads((FIRMWARE.parent / "pyproject.toml").read_text())["project"]["version"]
    return version


def main(path: Path = PATH) -> None:
    path.write_text(package_json())


if __name__ == "__main__":
    main()
