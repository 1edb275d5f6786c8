"""What settop.wire defines is defined nowhere else: found by name and, where it is characteristic, by value."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WIRE = ROOT / "firmware" / "settop" / "wire"
ROOMS = ("firmware/settop", "host/headend", "emulator/testbed", "boards")
SHARED = ("ids", "transport", "provision", "console")
"""Modules of wire whose names mean one thing everywhere; `VERSION` or `KEY` of a protocol's own module do not."""
COMMON_WORDS = {"ASK", "KEY", "SET", "DONE", "LABEL", "SYNC"}
OF_A_PROTOCOL = {"CONTROL_WORD_BYTES", "CA_DESCRIPTOR_TAG", "CA_SYSTEM_ID", "TABLE_EVEN", "TABLE_ODD"}
VALUES = (188, 0x47, 0x1FFF, b"DVBTMCPTAESCISSA", b"ringcast provision 1")
"""Literals that a constant elsewhere may not have: whoever needs them imports them."""


def constants(source):
    """{name: value, or None where it is no literal} of a module's own assignments in capitals."""
    found = {}
    for node in ast.parse(source).body:
        if not isinstance(node, ast.Assign | ast.AnnAssign):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            for name in ast.walk(target):
                if isinstance(name, ast.Name) and name.id.isupper():
                    found[name.id] = node.value.value if isinstance(node.value, ast.Constant) else None
    return found


def second_definitions(source):
    """What a module outside wire defines again, as names."""
    shared = set(OF_A_PROTOCOL)
    for module in SHARED:
        shared |= {name for name in constants((WIRE / f"{module}.py").read_text()) if name[0] != "_"}
    shared -= COMMON_WORDS
    return [
        name
        for name, value in constants(source).items()
        if name.lstrip("_") in shared or (type(value) in (int, bytes) and value in VALUES)
    ]


def modules():
    return sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py") if WIRE not in path.parents)


def test_no_module_defines_again_what_wire_defines():
    again = {str(path.relative_to(ROOT)): second_definitions(path.read_text()) for path in modules()}
    assert len(again) > 150
    assert {path: names for path, names in again.items() if names} == {}


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("PACKET_BYTES = 188", ["PACKET_BYTES"]),
        ("_PACKET_BYTES: int = 4", ["_PACKET_BYTES"]),
        ("PACKET_SIZE = 188", ["PACKET_SIZE"]),
        ("A, TERMINAL_ID_BYTES = 1, 8", ["TERMINAL_ID_BYTES"]),
        ("EMPTY_PID = 0x1FFF", ["EMPTY_PID"]),
        ("SYNC_BYTE = 0x47", ["SYNC_BYTE"]),
        ("SYNC = 0xA5", []),
        ("TABLE_PMT = 2", ["TABLE_PMT"]),
        ("LIMIT = PACKET_BYTES * 7\nOTHER = 204\nKEY = 5", []),
        ("class Usb:\n    PACKET_BYTES = 64", []),
    ],
)
def test_a_second_definition_is_found(source, names):
    assert second_definitions(source) == names


def test_names_of_the_shared_modules_are_told_apart():
    where = {}
    for module in SHARED:
        for name in constants((WIRE / f"{module}.py").read_text()):
            where.setdefault(name, []).append(module)
    assert {name: at for name, at in where.items() if len(at) > 1} == {}


@pytest.mark.parametrize("path", sorted(WIRE.glob("*.py")), ids=lambda path: path.stem)
def test_wire_is_the_lowest_floor_and_knows_no_micropython(path):
    allowed = {"struct", "settop.errors"}
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{one.name}" if node.module == "settop.wire" else node.module for one in node.names]
        elif isinstance(node, ast.Import):
            names = [one.name for one in node.names]
        for name in names:
            assert name in allowed or name.startswith("settop.wire."), f"{path.name} imports {name}"


def test_viper_keeps_the_literals_of_the_constants():
    from settop.wire.transport import PACKET_BYTES, SYNC

    source = (ROOT / "firmware" / "settop" / "ts" / "kernels_viper.py").read_text()
    numbers = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
    assert PACKET_BYTES in numbers and SYNC in numbers
    near = [number for number in numbers if isinstance(number, int) and 184 <= number < 192]
    assert set(near) == {PACKET_BYTES}
    # settop.ts.packet: a slot begins behind the initialisation vector, an adaptation field leaves so much at most.
    assert 16 in numbers and PACKET_BYTES - 5 in numbers
