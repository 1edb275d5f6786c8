"""What a board's image has frozen in, and what mip installs, is what there is."""

import ast
import json

import pytest
from testbed.boards import BOARD_NAMES, load_board
from testbed.boards.mip import PATH, package_json
from testbed.boards.profile import BOARDS, FIRMWARE

every = pytest.mark.parametrize("name", BOARD_NAMES)


def wide_constants(source):
    """Integers beyond 16 bits in a module, but for those that are eight bits shifted, as (line, value)."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, int) and node.value > 0xFFFF:
            shifted = node.value >> ((node.value & -node.value).bit_length() - 1)
            if shifted > 0xFF:
                found.append((node.lineno, node.value))
    return found


@pytest.mark.parametrize("path", sorted(FIRMWARE.glob("settop/**/*_viper.py")), ids=lambda path: path.stem)
def test_viper_has_no_constant_that_an_image_with_it_frozen_in_would_misread(path):
    """On the RP2040 such a constant is a word behind the code, read from a multiple of four (py/asmthumb.c,
    asm_thumb_mov_reg_i32), and MicroPython 1.25's mpy-tool puts frozen code at a multiple of two."""
    assert wide_constants(path.read_text()) == []


def test_a_constant_that_would_be_misread_is_found():
    assert wide_constants("x = y & 0x3FFFFFFF\nz = 0xFFFF | 0xFF0000 | 65537") == [(1, 0x3FFFFFFF), (2, 65537)]


# --- manifests and package.json -----------------------------------------------------------------------------------


class Options:
    """What a manifest sees of the arguments of include()."""

    def __init__(self, given):
        self._given, self._defaults = given, {}

    def defaults(self, **values):
        self._defaults = values

    def __getattr__(self, name):
        return {**self._defaults, **self._given}[name]


def frozen_by(manifest, monkeypatch, **options):
    """{module: content} that a manifest freezes of ours. The API is that of MicroPython's tools/manifestfile.py."""
    found = {}

    def add(base, name):
        assert name not in found
        found[name] = (base / name).read_bytes()

    def package(name, files=None, base_path="."):
        assert files is not None and files == sorted(files)  # else the order is the file system's
        for file in files:
            add(manifest.parent / base_path, f"{name}/{file}")

    def include(path, **given):
        if "$(" not in path:
            found.update(frozen_by((manifest.parent / path).resolve(), monkeypatch, **given))

    api = {
        "options": Options(options),
        "include": include,
        "package": package,
        "module": lambda name, base_path=".": add(manifest.parent / base_path, name),
        "freeze": lambda path, script=None: None if path.startswith("$(PORT_DIR)") else pytest.fail(path),
    }
    with monkeypatch.context() as patch:
        patch.chdir(manifest.parent)  # as MicroPython does
        exec(manifest.read_text(), api)  # noqa: S102
    return found


@every
def test_manifest_freezes_all_that_it_finds(monkeypatch, name):
    profile = load_board(name)
    frozen = frozen_by(BOARDS / name / "manifest.py", monkeypatch)
    wanted = {path.removeprefix("lib/"): data for path, data in profile.whole_files().items()}
    del wanted["boot.py"]
    if name == "unix":
        del wanted["main.py"]  # that port runs a file that its command line names
    assert frozen == wanted


@every
def test_manifest_says_how_it_is_used(name):
    text = (BOARDS / name / "manifest.py").read_text()
    assert f"FROZEN_MANIFEST=/path/to/boards/{name}/manifest.py" in text


def test_package_json_installs_every_module_of_settop_and_nothing_else():
    table = json.loads(PATH.read_text())
    installed = {target: FIRMWARE.parent / source for target, source in table["urls"]}
    assert len(installed) == len(table["urls"])
    modules = {f"settop/{p.relative_to(FIRMWARE / 'settop').as_posix()}": p for p in FIRMWARE.glob("settop/**/*.py")}
    assert installed == modules, "say `python -m testbed.boards.mip` to write it anew"
    assert table["deps"] == []
    assert PATH.read_text() == package_json()
