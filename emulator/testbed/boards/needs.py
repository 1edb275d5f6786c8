"""Which of a terminal's files a board or an image needs: what its program and its services import, and no more.

Every `import` counts, wherever it stands: one in a function is wanted some day. What no import names is declared here.
"""

import ast
from collections.abc import Collection, Iterator, Mapping
from functools import cache

LIB = "lib/"
STARTS = ("boot.py", "main.py", "board.py")
BY_NEED: Mapping[str, str] = {
    "board_buttons": "settop.services.panel",
    "board_codec": "settop.codec",
    "board_codec_line": "settop.codec",
    "board_network": "settop.net.link",
}
"""Board modules that board.py brings when a name of theirs is asked for: who asks, a module or any of its package."""
NETWORK_CABLE = "settop.link.network"
"""Imported by board_common where WIRES name a network."""
UNITS = "settop.codec.units"
"""Loads what its table names, so that the words in it count as imports."""


def needed(
    sources: Mapping[str, bytes],
    services: Collection[str],
    network_wired: bool,
    link: object,
    more: Collection[str] = (),
) -> dict[str, bytes]:
    """Those of `sources` (path on the board to source) that STARTS, these services and `more` (paths) need.

    network_wired: WIRES name a network. link: the board's NETWORK, "ppp" for board_ppp. A service whose files are not
    among the sources adds nothing: the terminal says that it is not there.
    """
    places = {_module(path): path for path in sources if path.endswith(".py")}
    found: set[str] = set()
    asked = {*(_module(path) for path in (*STARTS, *more)), *(f"settop.services.{name}.service" for name in services)}
    while asked:
        new = {part for name in asked for part in _parts(name) if part in places} - found
        found |= new
        asked = {word for name in new for word in _asks(name, sources[places[name]])}
        if not network_wired:
            asked.discard(NETWORK_CABLE)
        asked -= BY_NEED.keys()
        asked |= {part for part, asker in BY_NEED.items() if any(_within(name, asker) for name in found)} - found
        if "board_network" in found and isinstance(link, str):
            asked |= {f"board_{link}"} - found
        asked &= places.keys()
    return {path: data for path, data in sources.items() if not path.endswith(".py") or _module(path) in found}


def _module(path: str) -> str:
    return path.removeprefix(LIB).removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _parts(name: str) -> Iterator[str]:
    """A module and the packages that it lies in."""
    words = name.split(".")
    return (".".join(words[:count]) for count in range(1, len(words) + 1))


def _within(name: str, asker: str) -> bool:
    return name == asker or name.startswith(asker + ".")


@cache
def _asks(name: str, source: bytes) -> frozenset[str]:
    asks: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            asks |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            asks |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif name == UNITS and isinstance(node, ast.Constant) and isinstance(node.value, str):
            asks.add(node.value)
    return frozenset(asks)
