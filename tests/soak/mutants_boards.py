"""Named mutants of which files a board or an image gets."""

from tests.soak.mutants import Mutant

_NEEDS = "emulator/testbed/boards/needs.py"
_PROFILE = "emulator/testbed/boards/profile.py"
_FLASH = "emulator/testbed/deploy/flash.py"
_BY_NEEDS = ("tests/emulator/test_boards_needs.py",)
_BY_FLASH = ("tests/emulator/test_flash_services.py",)
_BY_BESIDE = ("tests/emulator/test_frozen_beside.py",)

MUTANTS = (
    Mutant("a service's imports are not followed", _NEEDS, "    while asked:", "    if asked:", _BY_NEEDS),
    Mutant(
        "a module comes without its package",
        _NEEDS,
        "for part in _parts(name) if part in places",
        "for part in [name] if part in places",
        _BY_NEEDS,
    ),
    Mutant(
        "what comes from a package by name is no import",
        _NEEDS,
        'asks |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}',
        "asks |= {node.module}",
        _BY_NEEDS,
    ),
    Mutant(
        "what a table of words loads is left out",
        _NEEDS,
        "            asks.add(node.value)\n",
        "            pass\n",
        _BY_NEEDS,
    ),
    Mutant("everybody gets the decoder chip's lines", _NEEDS, "        asked -= BY_NEED.keys()\n", "", _BY_NEEDS),
    Mutant(
        "the network's link is left out",
        _NEEDS,
        '            asked |= {f"board_{link}"} - found\n',
        "            pass\n",
        _BY_NEEDS,
    ),
    Mutant(
        "every cable has a network's channel",
        _NEEDS,
        "        if not network_wired:\n",
        "        if False:\n",
        _BY_NEEDS,
    ),
    Mutant(
        "services that are set do not count",
        _PROFILE,
        "**(config or {})}\n        wires",
        "}\n        wires",
        _BY_NEEDS,
    ),
    Mutant("further files bring nothing", _PROFILE, "            extra or (),\n", "            (),\n", _BY_NEEDS),
    Mutant(
        "services that the board names do not count",
        _FLASH,
        "        if keep_config or found.frozen:\n",
        "        if found.frozen:\n",
        _BY_FLASH,
    ),
    Mutant(
        "an erasure leaves other services' files",
        _FLASH,
        "_compiled(board, board.whole_files())",
        "terminal_files(board, None)",
        _BY_FLASH,
    ),
    Mutant(
        "files of another version go beside an image",
        _FLASH,
        "    if lacking and found.inside != ",
        "    if lacking and found.inside is ",
        _BY_BESIDE,
    ),
    Mutant(
        "files beside an image are not stamped",
        _PROFILE,
        'if any(name.startswith("lib/settop/") for name in beside):',
        "if False:",
        _BY_BESIDE,
    ),
    Mutant(
        "an image leaves out what is asked to be inside",
        _PROFILE,
        "() if recipe is None else recipe.services), *more)",
        "() if recipe is None else recipe.services))",
        _BY_BESIDE,
    ),
)
