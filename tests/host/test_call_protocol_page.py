"""docs/protocols/call.md tells the truth: state tables are the code's, hex is what both ends say and read."""

import re
from pathlib import Path

import pytest
from headend.callcentre.session import Session as CentreSession
from headend.callcentre.states import TRANSITIONS as CENTRE_TRANSITIONS
from settop.link.hdlc import Deframer
from settop.services.call.session import Session as TerminalSession
from settop.services.call.states import TABLE as TERMINAL_TABLE
from settop.wire import call as wire
from settop.wire import dark

from tests.helpers.call_pair import DEVICE_KEY, Air, CallPair, MemoryLedger

PAGE = (Path(__file__).parents[2] / "docs/protocols/call.md").read_text(encoding="utf-8")
CENTRE_RANDOM = {
    4: bytes.fromhex("0badcafe"),
    8: bytes(range(0x50, 0x58)),
    16: bytes(range(0x20, 0x30)),
}.__getitem__


def state_table(heading):
    section = PAGE.split(f"### {heading}\n")[1].split("\n#")[0]
    lines = [line.strip("|").split("|") for line in section.splitlines() if "|" in line]
    rows = [tuple(cell.strip() for cell in cells) for cells in lines]
    assert rows[0] == ("state", "event", "next state")
    return rows[2:]


def dump(title="A short call in hex"):
    """[(name, from terminal?, octets on the line, opened content)] of one of the page's calls."""
    block = PAGE.split(f"## {title}\n")[1].split("```text\n")[1].split("```")[0]
    messages = []
    for line in block.splitlines():
        hexadecimal = re.match(r"[= ] ((?:[0-9a-f]{2} ?)+)", line)
        if line[:1].isalpha():
            name, way = line.split(", ")
            messages.append((name, way == "terminal -> centre", bytearray(), bytearray()))
        elif hexadecimal:
            messages[-1][3 if line[0] == "=" else 2].extend(bytes.fromhex(hexadecimal.group(1)))
    return messages


@pytest.mark.parametrize(
    ("heading", "transitions"),
    [
        ("Terminal", {(state, event): target for state, event, target in TERMINAL_TABLE}),
        ("Centre", CENTRE_TRANSITIONS),
    ],
)
def test_state_table_is_the_codes(heading, transitions):
    rows = state_table(heading)
    assert len(rows) == len(transitions)
    assert {(state, event): target for state, event, target in rows} == transitions


def test_hex_is_what_both_cores_say():
    terminal_random = {16: bytes(range(0x10, 0x20))}.__getitem__
    pair = CallPair(MemoryLedger(), Air(), randoms=(terminal_random, CENTRE_RANDOM))
    pair.at(5_000, pair.hang_up)
    pair.run(20_000)
    assert b"".join(octets for _, up, octets, _ in dump() if up) == pair.up.sent
    assert b"".join(octets for _, up, octets, _ in dump() if not up) == pair.down.sent


def test_hex_decodes_to_what_the_page_says():
    messages = []
    for name, up, octets, opened in dump():
        (payload,) = Deframer().feed(bytes(octets))
        assert wire.NAMES[payload[0]] == name
        messages.append((name, up, payload, bytes(opened)))
    hello, challenge = messages[0][2], messages[1][2]
    assert wire.unpack_hello(hello) == (0, bytes(range(1, 9)), bytes(range(0x10, 0x20)), b"")
    suite, call_id, nonce, public, proof = wire.unpack_challenge(challenge)
    assert (suite, call_id, nonce, public) == (0, 0x0BADCAFE, bytes(range(0x20, 0x30)), b"")
    terminal = TerminalSession(DEVICE_KEY, hello, challenge[:-16])
    centre = CentreSession(DEVICE_KEY, hello, challenge[:-16])
    assert terminal.proves(proof)
    assert centre.proof == proof
    for name, up, payload, opened in messages[2:]:
        sender, receiver = (terminal, centre) if up else (centre, terminal)
        kind, body = receiver.open(payload)
        assert (wire.NAMES[kind], bytes(body)) == (name, opened)
        assert sender.seal(kind, opened) == payload
    names = [name for name, *_ in messages][2:]
    assert names == ["REQUEST", "KEY", "KEY", "ACK", "ACK", "TOKEN", "ACK", "GOODBYE", "FAREWELL"]


def test_hex_of_a_dark_call_is_what_both_cores_say_and_read():
    terminal_random = {16: bytes(range(0x10, 0x20))}.__getitem__
    pair = CallPair(MemoryLedger(), Air(), randoms=(terminal_random, CENTRE_RANDOM), max_price=25).run(11_200)
    pair.say_dark(0, 1, dark.WRONG_KEY)
    pair.run(20_000)
    hello, challenge = pair.up.frames[0][1], pair.down.frames[0][1]
    terminal = TerminalSession(DEVICE_KEY, hello, challenge[:-16])
    centre = CentreSession(DEVICE_KEY, hello, challenge[:-16])
    messages = dump("A highest price, and DARK, in hex")
    assert [name for name, *_ in messages] == ["REQUEST", "DARK", "FAREWELL"]
    for name, up, octets, opened in messages:
        assert octets in (pair.up if up else pair.down).sent
        (payload,) = Deframer().feed(bytes(octets))
        kind, body = (centre if up else terminal).open(payload)
        assert (wire.NAMES[kind], bytes(body)) == (name, opened)
    assert wire.unpack_request(bytes(messages[0][3]))[3] == 25
    assert wire.unpack_dark(bytes(messages[1][3])) == (0, 1, dark.WRONG_KEY)
    assert wire.unpack_farewell(bytes(messages[2][3])) == (wire.FAREWELL_DARK, 0)


def test_causes_of_darkness_and_reasons_are_the_codes():
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("|")]
    causes = {int(row[0]): row[1] for row in rows if len(row) == 3 and row[0].isdecimal() and row[1] in dark.WORDS}
    assert causes == dict(enumerate(dark.WORDS))
    words = " ".join(PAGE.split())
    assert f"Reasons of DENY: {reasons(wire.DENY_TEXT, 1)}" in words
    assert f"Reasons of FAREWELL: {reasons(wire.FAREWELL_TEXT, 0)}" in words


def reasons(texts, first):
    """As the page lists them; it says "it" for the programme where that was named just before."""
    assert all(texts[first:]) and not any(texts[:first])
    said = [f"{number} {text}" for number, text in enumerate(texts) if text]
    return ", ".join(said).replace("this programme", "the programme").replace("2 the programme is not", "2 it is not")


def test_control_words_of_the_page_are_the_programmes():
    keys = [wire.unpack_key(bytes(opened)) for name, _, _, opened in dump() if name == "KEY"]
    assert [bytes(word) for _, _, _, word in keys] == [Air().key(1, 0), Air().key(1, 1)]


def test_page_gives_the_measured_octets_before_the_first_key():
    messages = dump()
    before = sum(len(octets) for _, _, octets, _ in messages[:3])
    assert f"the first key follows {before} octets" in PAGE
    assert before <= 200
