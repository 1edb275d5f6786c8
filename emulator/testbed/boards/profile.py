"""A board as the host sees it: `board.toml`, the constants of its `board.py`, and the files of a terminal on it."""

import ast
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from settop.errors import LocalError

from testbed.boards.inside import MODULE, STAMP, Inside, inside_of
from testbed.boards.needs import needed
from testbed.boards.package import package_files
from testbed.boards.recipe import ImageRecipe

FIRMWARE = Path(__file__).resolve().parents[3] / "firmware"
BOARDS = FIRMWARE.parent / "boards"
SHARED = BOARDS / "shared"
BOARD_NAMES = ("unix", "pico", "pico_w", "pico2", "pico2_w", "esp32", "pyboard")

LINKS = ("uarts", "cable")
CONFIG_NAMES = ("LINK", "CORES", "TUNER_BAUD", "WIRES", "SERVICES", "HEADEND", "SIGNER", "BUTTONS", "WLAN")
"""What a board_config.py may set. WLAN is (name, password) of the board's wireless network, and a secret."""
SECRET = ("WLAN",)


@dataclass(frozen=True)
class Board:
    """The profile of one board. Where a key is in `board.toml`, its comment there says what it means."""

    name: str
    folder: Path
    description: str
    port: str
    mpy_arch: str
    stubs: str
    oldest_micropython: tuple[int, ...]
    """The first MicroPython that loads what our mpy-cross makes for this board."""
    dtr: bool
    rts: bool
    """How the control lines stand while the port is open, so that attaching resets nothing."""
    reset_delay_ms: int
    usb_ids: tuple[str, ...]
    """"vendor:product" of the board's USB port, four hexadecimal digits each; empty where it has none of its own."""
    modules: tuple[str, ...]
    """Board modules beside board.py, from boards/NAME or boards/shared."""
    image: ImageRecipe | None
    network_image: ImageRecipe | None
    """The image with a network in it, where that is another one; it lays out the flash in its own way."""
    instead_of_image: str
    """Where there is no recipe: what to do instead of `./ringcast firmware`."""
    caveat: str
    """What whoever puts the terminal on this board's stock MicroPython must be told, or empty."""
    constants: dict[str, object] = field(repr=False)
    """Constants of board.py, with the defaults of what board_config.py may set."""

    @property
    def flash_bytes(self) -> int:
        """Budget for our frozen bytecode."""
        return self._number("FLASH_BYTES")

    @property
    def heap_bytes(self) -> int:
        """Free heap of the stock image before anything of ours is loaded."""
        return self._number("HEAP_BYTES")

    @property
    def link(self) -> str:
        """The board's own LINK: "uarts" or "cable"."""
        return str(self.constants["LINK"])

    @property
    def storage(self) -> str:
        """The keystore's folder on the board."""
        return str(self.constants["STORAGE"])

    def board_modules(self) -> dict[str, bytes]:
        """board.py and the modules that it imports, by the name that they have at the board's root."""
        return {"board.py": (self.folder / "board.py").read_bytes(), **{n: self._module(n) for n in self.modules}}

    def whole_files(self) -> dict[str, bytes]:
        """All that a terminal on this board may ever have, as sources: every service's files, started or not."""
        return {
            **package_files(),
            **self.board_modules(),
            "main.py": (FIRMWARE / "main.py").read_bytes(),
            "boot.py": (FIRMWARE / "boot.py").read_bytes(),
        }

    def files(
        self, config: Mapping[str, object] | None = None, extra: Mapping[str, bytes] | None = None
    ) -> dict[str, bytes]:
        """A terminal's files as sources: those that the services which it starts need.

        config: what its board_config.py sets; none is made where it is empty. extra: further files, or others in the
        place of ours; what they import is needed, too. LocalError: a name that no board_config.py may set.
        """
        sources = {**self.whole_files(), **(extra or {})}
        own = {**_constants(sources["board.py"].decode()), **(config or {})}
        wires = own.get("WIRES")
        files = needed(
            sources,
            _names(own.get("SERVICES")),
            isinstance(wires, dict) and "network" in wires.values(),
            own.get("NETWORK"),
            extra or (),
        )
        if config:
            files["board_config.py"] = board_config(config)
        return files

    def image_services(self, network: bool = False, more: Sequence[str] = ()) -> tuple[str, ...]:
        """The services inside an image: those that the board starts by itself, what the recipe adds, and `more`."""
        recipe = self.network_image if network else self.image
        names = (*_names(self.constants["SERVICES"]), *(() if recipe is None else recipe.services), *more)
        return tuple(dict.fromkeys(names))

    def frozen_files(self, network: bool = False, services: Sequence[str] = ()) -> dict[str, bytes]:
        """What an image holds that boots with no files beside it: what of settop its services need and which they are
        (`testbed.boards.inside`), the board's modules, main.py. network: the image with one. services: further ones.
        """
        names = self.image_services(network, services)
        files = needed(
            self.whole_files(), names, network or "network" in names, self.constants["NETWORK"], self.modules
        )
        frozen = {path.removeprefix("lib/"): data for path, data in files.items() if path != "boot.py"}
        return {**frozen, MODULE: inside_of(frozen, names, network).module()}

    def inside(self, network: bool = False, services: Sequence[str] = ()) -> Inside:
        """What an image built of `frozen_files` says of itself."""
        files = self.frozen_files(network, services)
        return inside_of(files, self.image_services(network, services), network)

    def beside_frozen(self, files: Mapping[str, bytes], inside: Inside | None = None) -> dict[str, bytes]:
        """Those of a terminal's files that an image does not hold, and a stamp where some of settop are among them.

        inside: what it does hold; None for the board's image that holds most, which is the one with a network where
        there is one.
        """
        inside = self.inside(self.network_image is not None) if inside is None else inside
        held = self.frozen_files(inside.network, inside.services)
        beside = {name: data for name, data in files.items() if name.removeprefix("lib/") not in held}
        if any(name.startswith("lib/settop/") for name in beside):
            beside[STAMP] = inside.sources.encode()
        return beside

    def image_sources(self, network: bool = False, services: Sequence[str] = ()) -> dict[str, bytes]:
        """All that an image is built from, by path in the project: firmware/ and boards/ with their manifests. Of
        firmware/settop only what `frozen_files` has: a manifest freezes what it finds.
        """
        frozen = self.frozen_files(network, services)
        sources = {f"firmware/{path}": data for path, data in frozen.items() if path.startswith("settop/")}
        for path in (FIRMWARE / "main.py", FIRMWARE / "manifest.py", *self.folder.glob("*.py"), *SHARED.glob("*.py")):
            sources[path.relative_to(BOARDS.parent).as_posix()] = path.read_bytes()
        return dict(sorted(sources.items()))

    @property
    def manifest(self) -> str:
        """Path of the board's manifest in the project."""
        return f"boards/{self.name}/manifest.py"

    def _module(self, name: str) -> bytes:
        own = self.folder / name
        return (own if own.is_file() else SHARED / name).read_bytes()

    def _number(self, name: str) -> int:
        value = self.constants[name]
        assert isinstance(value, int)
        return value


def _names(services: object) -> tuple[str, ...]:
    """SERVICES; of what is none (the terminal says so) the names that are."""
    return tuple(name for name in services if isinstance(name, str)) if isinstance(services, tuple | list) else ()


def definition_files(recipe: ImageRecipe) -> dict[str, bytes]:
    """The recipe's own board definition, by path in the project; empty where it has none."""
    if not recipe.definition:
        return {}
    folder = BOARDS.parent / recipe.definition
    return {f"{recipe.definition}/{path.name}": path.read_bytes() for path in sorted(folder.iterdir())}


def board_config(config: Mapping[str, object]) -> bytes:
    """The text of a board_config.py. LocalError: a name that it may not set, a value that no board knows."""
    unknown = sorted(set(config) - set(CONFIG_NAMES))
    if unknown:
        raise LocalError(f"board_config.py may set {', '.join(CONFIG_NAMES)}, not {', '.join(unknown)}")
    if config.get("LINK", LINKS[0]) not in LINKS:
        raise LocalError(f"LINK {config['LINK']!r}, expected {' or '.join(LINKS)}")
    if config.get("CORES", 1) not in (1, 2):
        raise LocalError(f"CORES {config['CORES']!r}, expected 1 or 2")
    baud = config.get("TUNER_BAUD", 1)
    if not isinstance(baud, int) or baud < 1:
        raise LocalError(f"TUNER_BAUD {baud!r}, expected bits per second")
    services = config.get("SERVICES", ())
    if not isinstance(services, tuple) or not all(isinstance(name, str) and name.isidentifier() for name in services):
        raise LocalError(f"SERVICES {services!r}, expected a tuple of names of settop/services")
    headend = config.get("HEADEND", "00" * 32)
    if not isinstance(headend, str) or len(headend) != 64 or headend.strip("0123456789abcdef"):
        raise LocalError("HEADEND: expected the head-end's public key, 64 hex digits in small letters")
    signer = config.get("SIGNER", "00" * 32)
    if not isinstance(signer, str) or len(signer) != 64 or signer.strip("0123456789abcdef"):
        raise LocalError("SIGNER: expected the public key of who signs modules, 64 hex digits in small letters")
    buttons = config.get("BUTTONS", (0, 1, 2, 3))
    if not isinstance(buttons, tuple) or len(buttons) != 4 or not all(isinstance(pin, int) for pin in buttons):
        raise LocalError(f"BUTTONS {buttons!r}, expected the pins of up, down, ok and back")
    wlan = config.get("WLAN", ("", ""))
    if not isinstance(wlan, tuple) or len(wlan) != 2 or not all(isinstance(word, str) for word in wlan):
        raise LocalError('WLAN: expected ("NAME", "PASSWORD")')  # and not a word of what was there
    return "".join(f"{name} = {config[name]!r}\n" for name in CONFIG_NAMES if name in config).encode()


@cache
def load_board(name: str) -> Board:
    """The profile of the board of that name. LocalError: there is none, with the names that there are."""
    if name not in BOARD_NAMES:
        raise LocalError(f"no board {name!r}; there are {', '.join(BOARD_NAMES)}")
    folder = BOARDS / name
    table = tomllib.loads((folder / "board.toml").read_text())
    images = [table.pop(key, None) for key in ("image", "network_image")]
    image, network_image = (None if words is None else ImageRecipe.of(words) for words in images)
    return Board(
        name=name,
        folder=folder,
        description=table["description"],
        port=table["port"],
        mpy_arch=table["mpy_arch"],
        stubs=table["stubs"],
        oldest_micropython=tuple(map(int, table["oldest_micropython"].split("."))),
        dtr=table["dtr"],
        rts=table["rts"],
        reset_delay_ms=table["reset_delay_ms"],
        usb_ids=tuple(table["usb_ids"]),
        modules=tuple(table["modules"]),
        image=image,
        network_image=network_image,
        instead_of_image=table.get("instead_of_image", ""),
        caveat=table.get("caveat", ""),
        constants=_constants((folder / "board.py").read_text()),
    )


def _constants(source: str) -> dict[str, object]:
    """Top-level `NAME = literal` of a module, and the default in `NAME = getattr(_config, "NAME", literal)`."""
    found: dict[str, object] = {}
    for statement in ast.parse(source).body:
        if not isinstance(statement, ast.Assign):
            continue
        value = statement.value
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "getattr":
            value = value.args[2]
        try:
            literal = ast.literal_eval(value)
        except ValueError:
            continue
        found.update((target.id, literal) for target in statement.targets if isinstance(target, ast.Name))
    return found
