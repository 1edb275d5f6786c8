"""docs/protocols/provision.md against the code: its lines are what both ends say, its octets what they come to."""

import hashlib
import re
from pathlib import Path

import pytest
from Crypto.Cipher import AES
from Crypto.Hash import SHA256
from Crypto.Protocol.KDF import HKDF
from headend.crypto.x25519 import public_key, x25519_shared
from headend.provisioning import Exchange, HeadendKey, NewTerminal, read_board_key
from settop.wire import provision as wire

from tests.helpers.bench_board import BenchBoard

PAGE = (Path(__file__).parents[2] / "docs/protocols/provision.md").read_text(encoding="utf-8")
HEADEND = HeadendKey(bytes(range(0xA0, 0xC0)))
DRAWN = {"first": (bytes(range(0x20, 0x40)), b"\x77" * 32), "second": (bytes(range(0x40, 0x60)), b"\x88" * 32)}
TERMINALS = {
    "first": NewTerminal(1, b"ringcast", "5550100", bytes(range(0x60, 0x80))),
    "second": NewTerminal(2, b"terminal", "5550177", bytes(range(0x80, 0xA0))),
}
PARTS = ("host's private key", "head-end's private key", "board's private key")


def block(title):
    """{name: octets or text} of one of the page's blocks: `name: value`, a value may go on in lines that begin with
    blanks."""
    text = PAGE.split(f"### {title}\n")[1].split("```text\n")[1].split("```")[0]
    found, name = {}, ""
    for line in text.splitlines():
        if line.startswith("  "):
            found[name] += line.strip() if re.fullmatch(r"[0-9a-f ]+", line) else " " + line.strip()
        else:
            name, _, value = line.partition(":")
            found[name] = value.strip()
    return found


def played():
    """What is said and worked out in the page's two dialogues, in the page's words."""
    board = BenchBoard(trusts=HEADEND.public, seed=b"page")
    told = {}
    for title, (private, share) in DRAWN.items():
        octet = bytes((0xC0 + len(told),))
        board.app.random = octet.__mul__
        drawn = iter((private, share))
        exchange = Exchange(HEADEND, lambda count, drawn=drawn: next(drawn))
        terminal = TERMINALS[title]
        known = {one.terminal_id: one.device_key for one in TERMINALS.values()}
        ask = exchange.ask()
        (key,) = board.say(ask)
        board_private = bytes(board.app._provisioner._private)
        show = exchange.answer(read_board_key(key), known.get)
        (code,) = board.say(show)
        sealing = exchange._sealing
        content = terminal.content(lambda count, share=share: share)
        bring = exchange.bring(terminal)
        (done,) = board.say(bring)
        told[title] = {
            "host's private key": private.hex(),
            "head-end's private key": bytes(range(0xA0, 0xC0)).hex(),
            "board's private key": board_private.hex(),
            "to the board 1": ask,
            "from the board 1": key,
            "to the board 2": show,
            "from the board 2": code,
            "key and nonce": sealing.hex(),
            "proofs": " ".join(exchange._proofs),
            "content": content.hex(),
            "to the board 3": bring,
            "from the board 3": done,
        }
    return told


def shown(told):
    """As the page has it."""
    lines = []
    for name, value in told.items():
        whole = f"{name}: {value}"
        while len(whole) > 118:
            at = whole.rfind(" ", 40, 118)
            if at < 0 or re.fullmatch(r"\s*[0-9a-f]+", whole[:118]):
                at = 118 - (118 - whole.rfind(" ", 0, 118) - 1) % 2  # whole octets
            lines.append(whole[:at].rstrip())
            whole = "  " + whole[at:].lstrip()
        lines.append(whole)
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("title", ["first", "second"])
def test_the_pages_lines_are_what_both_ends_say(title):
    headings = {"first": "A first identity", "second": "A replacement"}
    told, found = played()[title], block(headings[title])
    assert {name: value.replace(" ", "") for name, value in found.items()} == {
        name: value.replace(" ", "") for name, value in told.items()
    }


@pytest.mark.parametrize(("title", "heading"), [("first", "A first identity"), ("second", "A replacement")])
def test_the_pages_octets_follow_from_its_private_keys_as_it_says(title, heading):
    """From the page alone, and with cryptography that is not the board's."""
    found = block(heading)
    host, headend, board = (bytes.fromhex(found[name]) for name in PARTS)
    assert found["to the board 1"] == (
        "provision " + hashlib.sha256(b"ringcast provision 2 commitment" + public_key(host)).hexdigest()
    )
    assert found["from the board 1"].split()[1] == public_key(board).hex()
    assert found["to the board 2"].split()[1] == public_key(host).hex()
    terminal_id, old, authority = bytes(8), bytes(32), 0
    if title == "second":
        terminal_id, old, authority = TERMINALS["first"].terminal_id, TERMINALS["first"].device_key, 1
    said = b"ringcast provision 2" + bytes((authority,)) + public_key(board) + public_key(host)
    said += public_key(headend) + terminal_id
    secret = x25519_shared(board, public_key(host)) + x25519_shared(board, public_key(headend)) + old
    drawn = HKDF(secret, 45, b"", SHA256, context=said)
    sealing, yes, no = drawn[:29], drawn[29:37].hex(), drawn[37:].hex()
    assert found["proofs"].split() == [yes, no]
    assert sealing.hex() == found["key and nonce"].replace(" ", "")
    code = int.from_bytes(hashlib.sha256(b"ringcast provision 2 code" + said).digest()[:4], "big") % 1_000_000
    assert found["from the board 2"] == f"provision-code {code:06}"
    sealed = bytes.fromhex(found["to the board 3"].split(maxsplit=1)[1].replace(" ", ""))
    content = AES.new(sealing[:16], AES.MODE_CCM, nonce=sealing[16:], mac_len=16).decrypt_and_verify(
        sealed[:-16], sealed[-16:]
    )
    assert content.hex() == found["content"].replace(" ", "")
    record, records = wire.split_content(content)[1:]
    terminal = TERMINALS[title]
    assert bytes(record) == b"\x02" + terminal.terminal_id + terminal.device_key
    assert [(service, name, bytes(data)) for service, name, data in records] == [
        ("call", "number", terminal.number.encode()),
        ("call", "token", b"\x01" + terminal.terminal_id + bytes(8)),
    ]
    assert found["from the board 3"] == f"provisioned {terminal.terminal_id.hex()} {yes}"


def test_the_page_names_every_word_and_number_of_the_definition():
    asked = (wire.ASK, wire.SHOW_KEY, wire.GIVE_CONSENT, wire.SET)
    for word in (*asked, wire.KEY, wire.SHORT_CODE, wire.ASK_CONSENT, wire.DONE, wire.SAID_NO):
        assert f"`{word}" in PAGE, word
    for word in (*wire.AUTHORITIES, wire.SAID_NONE, wire.SAID_DAMAGED):
        assert f"`{word}`" in PAGE, word
    for label in (wire.LABEL, wire.COMMIT_LABEL, wire.CODE_LABEL):
        assert f'"{label.decode()}"' in PAGE, label
    from settop.services.provision import CONSENT_MS

    assert f"{CONSENT_MS // 1000} s" in PAGE and f"{wire.MAX_CONTENT_BYTES} octets" in PAGE
