"""Imports run down only: the rooms of the house by floor, and nobody reaches for what lies above, or beside."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {"settop": "firmware", "headend": "host", "testbed": "emulator"}

FLOORS = {
    "settop": """
        app
        registry
        services.call services.split services.share services.stream services.shop services.titles
        services.dock services.player services.panel
        services.network services.updates
        services.face services.provision services.tuning
        player media titles
        updates
        dock
        keystore
        link modem net codec
        ts
        crypto
        wire
        beside clock ring states
        errors version
    """,
    "headend": """
        provisioning
        shop.web
        stream.sales
        callcentre split share stream shop
        media http
        broadcast accounts
        ts crypto titles updates
        files
        stopping
    """,
    "testbed": """
        cli
        commands
        bench
        systems.call systems.network systems.split systems.share systems.stream systems.shop systems.titles
        systems.registry
        scenario
        world air internet tiers
        station
        terminals
        deploy
        hil
        machines
        line network streaming
        runtimes
        boards
        clock cache formats shims
    """,
}
"""Each line a floor, the highest first. A room imports from the lines below its own; never from its own line, so that
what shares one (the five systems, say) could each be taken out without the others noticing. A name without a folder
is a module that stands for itself."""

FOR_ALL = "settop.errors settop.version settop.wire settop.ring headend.files headend.stopping"
"""What every room of another package may use: what both ends agree on, and how files and programs end."""

BORROWED = {
    "headend.callcentre": "settop.link settop.modem",  # the other end of the same frames; a trunk is a modem, too
    "headend.media": "settop.media settop.states",
    "headend.provisioning": "settop.keystore",
    "headend.stream": "settop.media",
    "testbed.line": "settop.link",
    "testbed.network": "settop.link headend.crypto",  # the frames of RFC 1662; certificates
    "testbed.streaming": "settop.media",  # the firmware's viewer
    "testbed.machines": "settop.app settop.link settop.keystore",  # the names of the lines
    "testbed.air": "headend.broadcast",
    "testbed.hil": "settop.link",
    "testbed.scenario": "settop.ts headend.ts headend.broadcast headend.accounts headend.provisioning",
}
"""What a room may use of the packages below its own beside that."""

BORROWS_ANYTHING = ("testbed.systems.", "testbed.bench", "testbed.commands", "testbed.cli")


def rooms() -> dict[str, tuple[str, int]]:
    """(package, floor) by room; the lowest floor is 0."""
    found = {}
    for package, plan in FLOORS.items():
        for number, floor in enumerate(reversed(plan.strip().splitlines())):
            found.update({f"{package}.{name}": (package, number) for name in floor.split()})
    return found


ROOMS = rooms()


def sources() -> dict[str, str]:
    """The text of every module of the three packages, by its dotted name."""
    found = {}
    for package, folder in PACKAGES.items():
        base = ROOT / folder
        for path in sorted((base / package).rglob("*.py")):
            parts = path.relative_to(base).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text()
    return found


def imported(source: str, known: set[str]) -> set[str]:
    """Modules of `known` that this text imports: anywhere in it, for types alone, or by a name that it spells out."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports name their module in full"
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            found.update(name if name in known else str(node.module) for name in whole)
        elif isinstance(node, ast.Call) and node.args and _name(node.func) in ("import_module", "__import__"):
            found.add(_spelled(node.args[0]).rstrip("."))
    return found & known


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _spelled(text: ast.expr) -> str:
    """The words that an expression begins with, as far as they are spelled out."""
    while isinstance(text, ast.BinOp | ast.JoinedStr):
        text = text.left if isinstance(text, ast.BinOp) else text.values[0]
    return str(text.value) if isinstance(text, ast.Constant) else ""


def graph(texts: dict[str, str]) -> dict[str, set[str]]:
    """What each module imports of the others."""
    return {name: imported(text, set(texts)) - {name} for name, text in texts.items()}


def room_of(module: str) -> str | None:
    """The room that the module is in; None where no table has it."""
    parts = module.split(".")
    names = (".".join(parts[:count]) for count in range(len(parts), 1, -1))
    return next((name for name in names if name in ROOMS), None)


def holds_rooms(module: str) -> bool:
    """Whether it is a folder of rooms, which belongs to none of them."""
    return any(room.startswith(f"{module}.") for room in ROOMS)


def objection(importer: str, target: str) -> str | None:
    """What is wrong with that import; None for nothing. Both are in a room."""
    here, there = room_of(importer), room_of(target)
    assert here is not None and there is not None
    if here == there:
        return None
    (package, floor), (other, below) = ROOMS[here], ROOMS[there]
    if package == other:
        if below < floor:
            return None
        return f"{there} lies {'above' if below > floor else 'beside'} {here}"
    if list(PACKAGES).index(other) > list(PACKAGES).index(package):
        return f"{other} lies above {package}"
    if there in chain(FOR_ALL.split(), BORROWED.get(here, "").split()) or here.startswith(BORROWS_ANYTHING):
        return None
    return f"{there} is not lent to {here}"


def offenders(imports: dict[str, set[str]]) -> Iterator[tuple[str, str]]:
    """("importer -> imported", what is wrong with it)"""
    for importer, targets in sorted(imports.items()):
        for target in sorted(targets):
            if not (holds_rooms(importer) or holds_rooms(target)) and (why := objection(importer, target)):
                yield f"{importer} -> {target}", why


@pytest.fixture(scope="module")
def house():
    return graph(sources())


def test_every_module_has_a_room(house):
    nowhere = sorted(name for name in house if room_of(name) is None and not holds_rooms(name))
    assert not nowhere, f"say in FLOORS on which floor they are: {', '.join(nowhere)}"


def test_a_folder_of_rooms_is_none_itself(house):
    busy = [
        f"{name} imports {', '.join(sorted(targets))}"
        for name, targets in house.items()
        if holds_rooms(name) and targets
    ]
    assert not busy


def test_imports_run_down_only(house):
    found = [f"{arrow}: {why}" for arrow, why in offenders(house)]
    assert not found, "\n" + "\n".join(found)


def test_no_modules_import_each_other_in_a_ring(house):
    try:
        TopologicalSorter(house).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


@pytest.mark.parametrize(
    "text",
    [
        "import settop.app",
        "from settop.app import App",
        "from settop import app",
        "def f():\n    from settop.app import App",
        "if TYPE_CHECKING:\n    from settop.app import App",
        "import_module('settop.app')",
        "importlib.import_module('settop.app')",
        "__import__('settop.app')",
    ],
)
def test_an_arrow_that_runs_up_is_seen_wherever_it_hides(text):
    imports = graph({"settop": "", "settop.app": "", "settop.wire.ecm": text})
    assert dict(offenders(imports)) == {"settop.wire.ecm -> settop.app": "settop.app lies above settop.wire"}


@pytest.mark.parametrize(
    ("importer", "target", "why"),
    [
        (
            "settop.services.call.core",
            "settop.services.shop.core",
            "settop.services.shop lies beside settop.services.call",
        ),
        ("headend.shop.core", "headend.callcentre.core", "headend.callcentre lies beside headend.shop"),
        ("settop.app", "headend.files", "headend lies above settop"),
        ("headend.ts.signal.psi", "settop.ts.psi", "settop.ts is not lent to headend.ts"),
        ("testbed.machines.pico", "headend.callcentre.core", "headend.callcentre is not lent to testbed.machines"),
        ("testbed.systems.call.plan", "headend.callcentre.core", None),
        ("headend.callcentre.core", "settop.link.hdlc", None),
        ("settop.services.call.core", "settop.wire.call", None),
    ],
)
def test_the_tables_mean_what_they_say(importer, target, why):
    assert objection(importer, target) == why


def test_a_name_that_is_made_up_of_parts_counts_by_how_it_begins():
    texts = {"testbed": "", "testbed.commands": "", "testbed.line.at": "import_module(f'testbed.commands.{name}')"}
    assert dict(offenders(graph(texts))) == {
        "testbed.line.at -> testbed.commands": "testbed.commands lies above testbed.line"
    }
