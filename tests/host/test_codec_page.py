"""docs/codec.md says what the code does: its tables, its units, its times."""

import re
from pathlib import Path

from settop.codec import adpcm, states, units, vs1053
from settop.codec.unit import Unit

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/codec.md").read_text(encoding="utf-8")
PLAIN = " ".join(PAGE.split())


def rows(heading: str, table: int = 0) -> list[tuple[str, ...]]:
    """The cells of a table under a heading, without its two top lines."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    blocks = re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE)
    lines = blocks[table].splitlines()[2:]
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]


def test_the_state_table():
    assert [(s, e, "" if a == "-" else a, n) for s, e, a, n in rows("The driver")] == list(states.TABLE)


def test_every_state_is_described_where_its_table_is():
    told = set(re.findall(r"^    (\w+)  +\w", states.__doc__, re.MULTILINE))
    assert told == {row[0] for row in states.TABLE} | {row[-1] for row in states.TABLE}


def test_the_units():
    assert rows("Codec units") == list(units.UNITS)
    assert all(row[0] == row[0].lower() for row in units.UNITS)
    for name, _ in rows("Codec units", 1):
        assert hasattr(Unit(None), name.strip("`").partition("(")[0])


def test_numbers_and_times():
    assert f"{vs1053._FILL_BYTES:,} octets of `endFillByte`" in PLAIN
    assert f"{vs1053._START_MS} ms at most" in PLAIN and f"{vs1053._PLAY_OUT_MS // 1000} s in which" in PLAIN
    assert vs1053._CANCEL_MS == 1000 and f"{vs1053._CANCEL_BYTES:,} octets and one second" in PLAIN
    assert f"0x{vs1053._CLOCK:04X}" in PLAIN and f"{vs1053._PIECE_BYTES} octets for each look at DREQ" in PLAIN
    assert f"{vs1053._SLOW_BAUD / 1e6} Mbaud until" in PLAIN and f"then {vs1053._FAST_BAUD // 10**6} Mbaud" in PLAIN
    assert vs1053._FAST_BAUD < 12_288_000 * 3.5 / 7 and vs1053._SLOW_BAUD < 12_288_000 / 7
    assert f"{adpcm._IN_BYTES} octets in, {adpcm._OUT_BYTES} out" in PLAIN
