"""docs/protocols/broadcast.md tells the truth: its hex is what the code reads and writes."""

from pathlib import Path

from headend.ts.keys import BROADCAST_ID_BYTES
from headend.ts.streams import SECTION_TYPES
from settop.player.portion_states import TABLE
from settop.wire.ecm import (
    pack_ca_descriptor,
    pack_ecm,
    pack_scrambling_descriptor,
    unpack_ca_descriptor,
    unpack_ca_offer,
    unpack_ecm,
)

PAGE = (Path(__file__).parents[2] / "docs/protocols/broadcast.md").read_text(encoding="utf-8")


def block(title: str) -> bytes:
    """The hex column under an indented title."""
    rows = PAGE.split(f"    {title}", 1)[1].split("\n")[1:]
    found = b""
    for row in rows:
        if not row.startswith("    "):
            return found
        found += bytes.fromhex(row.strip().split("  ")[0])
    return found


def test_ecm_section_is_what_both_ends_pack_and_read():
    ecm = unpack_ecm(block("ECM section"))
    assert (ecm.programme_id, ecm.portion, ecm.remaining_ms) == (1, 5, 1500)
    assert ecm.broadcast_id == bytes(range(1, 1 + BROADCAST_ID_BYTES))
    assert pack_ecm(ecm) == block("ECM section")


def test_descriptors_are_what_both_ends_pack_and_read():
    assert unpack_ca_descriptor(block("CA_descriptor (ISO")) == (0x1FF0, 1)
    assert pack_ca_descriptor(0x1FF0, 1) == block("CA_descriptor (ISO")
    priced = block("CA_descriptor that also says")
    assert unpack_ca_descriptor(priced) == (0x1FF0, 1)
    offer = unpack_ca_offer(priced)
    assert offer is not None
    assert (offer.price, offer.set_up, offer.currency, offer.tariff) == (25, 20, "EUR", "standard")
    assert pack_ca_descriptor(0x1FF0, 1, offer) == priced
    assert pack_scrambling_descriptor() == block("scrambling_descriptor")


def test_stream_types_left_clear_are_all_named():
    assert {0x05, 0x08, *range(0x0A, 0x0E), 0x13, 0x14, 0x16, 0x86, 0x95} == SECTION_TYPES
    assert "(05, 08, 0a to 0d, 13, 14, 16, 86, 95)" in PAGE


def test_the_state_table_of_portions_is_the_codes():
    section = PAGE.split("## Which portion opens\n")[1].split("\n## ")[0]
    lines = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    rows = [tuple(cell.strip() for cell in cells) for cells in lines]
    assert rows[0] == ("state", "event", "next state")
    assert tuple(rows[2:]) == TABLE
