"""docs/protocols/update.md against the code: its table of states, its fields, its module in hex."""

import re
from pathlib import Path

from headend.updates.module import read
from settop.updates.states import TABLE, TRIES
from settop.wire import update as wire

from tests.helpers.update_modules import KEY, made

PAGE = (Path(__file__).parents[2] / "docs/protocols/update.md").read_text(encoding="utf-8")


def rows(title):
    """The cells of the table below that title, without its head."""
    text = PAGE.split(f"## {title}\n")[1]
    lines = [line for line in text.split("\n## ")[0].splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_the_page_has_the_table_of_states():
    shown = [tuple(row) for row in rows("What becomes of a module")]
    assert shown == [tuple(row) for row in TABLE]
    assert f"{TRIES} starts" in PAGE


def test_the_page_has_every_field_where_it_lies():
    data = made("BEEP_2").octets()
    shown = {row[1]: (int(row[0]), row[2]) for row in rows("The format")}
    sizes = {name: int(size) for name, (_, size) in shown.items() if size.isdigit()}
    at = 0
    for name, (place, _) in shown.items():
        assert place == at, name
        at += sizes.get(name, 0)
    assert shown["signature"][0] == wire.HEAD_BYTES and shown["module"][0] == wire.HEAD_BYTES + wire.SIGNATURE_BYTES
    assert data[shown["name"][0] :][:4] == b"beep" and data[shown["board"][0] :][:4] == b"test"
    assert data[shown["version"][0] :][:4] == b"\0\0\0\x02"


def test_the_page_s_module_is_what_the_code_makes_of_it():
    block = PAGE.split("## A module in hex\n")[1].split("```text\n")[1].split("```")[0]
    octets = b""
    for line in block.splitlines():
        octets += bytes.fromhex(line.split("  ", 1)[1] if re.match(r"[a-z]", line) and "  " in line else line)
    assert octets == made("BEEP_2").octets()
    read(octets).judge(KEY.public)
    assert KEY.public.hex() in PAGE
    assert wire.LABEL[:-1].decode() in PAGE and wire.REFUSED in " ".join(PAGE.split())
