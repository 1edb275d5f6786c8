"""docs/protocols/dock.md against the code: its tables, its octets, and the same worked out by other cryptography."""

import hashlib
import re
from pathlib import Path

import pytest
from Crypto.Cipher import AES
from Crypto.Hash import SHA256
from Crypto.Protocol.KDF import HKDF
from settop.link.hdlc import MAX_PAYLOAD_BYTES
from settop.services.dock import states as dock_states
from settop.services.player import states as player_states
from settop.wire import dock as wire
from settop.wire import household
from testbed.machines.cpython import use_shims

use_shims()
PAGE = (Path(__file__).parents[2] / "docs/protocols/dock.md").read_text(encoding="utf-8")
TOLD = dict(re.findall(r"^([\w ,']+): (.+)$", PAGE.split("```text\n")[-1], re.MULTILINE))
TERMINAL_ID, PLAYER_ID, HOUSEHOLD = b"terminal", b"player 1", b"at home "


def octets(name):
    return bytes.fromhex(TOLD[name].removeprefix("household "))


TERMINAL_KEY, PLAYER_KEY, PAIR = octets("terminal's device key"), octets("player's device key"), octets("pair")
TERMINAL_NONCE, PLAYER_NONCE = octets("HELLO")[10:], octets("I_AM")[10:]
KID, KEY = bytes(range(0xA0, 0xB0)), bytes(range(0x50, 0x60))


def derived(secret, count, salt, info):
    return HKDF(secret, count, salt, SHA256, context=info)


def rows(head):
    """The cells of the tables that begin with that head."""
    lines = PAGE.splitlines()
    for at, line in enumerate(lines):
        if line == head:
            found = []
            while lines[at + 2 + len(found)].startswith("|"):
                found.append([cell.strip() for cell in lines[at + 2 + len(found)].strip("|").split("|")])
            yield found


def test_the_page_has_both_tables_of_states():
    shown = list(rows("| state | input | action | next |"))
    assert [[tuple(row) for row in table] for table in shown] == [list(dock_states.TABLE), list(player_states.TABLE)]


def test_the_page_has_every_kind_of_message():
    (kinds,) = rows("| kind | from | name | then |")
    assert {row[2]: int(row[0], 16) for row in kinds} == {
        name: getattr(wire, name) for name in (row[2] for row in kinds)
    }
    (questions,) = rows("| question | octets | yes |")
    for name, what, _ in questions:
        assert int(what.split(",")[0].split()[0], 16) == getattr(wire, name)
    assert {way[1] for way in next(rows("| way | name | octets | key in END |"))} == set(wire.WAYS[1:])
    assert len(questions) == 6 and len(kinds) == 12 and MAX_PAYLOAD_BYTES == 160


def test_greetings_and_pieces_are_the_page_s():
    assert wire.pack_greeting(wire.HELLO, TERMINAL_ID, TERMINAL_NONCE) == octets("HELLO")
    assert wire.pack_greeting(wire.I_AM, PLAYER_ID, PLAYER_NONCE) == octets("I_AM")
    assert wire.unpack_greeting(octets("I_AM")) == (1, PLAYER_ID, PLAYER_NONCE)
    song = octets("title")
    assert wire.pack_piece(0, song) == octets("PIECE") and wire.unpack_piece(octets("PIECE")) == (0, song)
    assert wire.pack_wanted(18) == octets("WANTED") and wire.unpack_wanted(octets("WANTED")) == 18


def test_questions_and_answers_are_the_page_s():
    copy, digest = octets("copy and copy key")[:8], hashlib.sha256(octets("title")).digest()
    assert wire.pack_open(HOUSEHOLD, wire.MEMBER) == octets("OPEN")
    assert wire.unpack_open(octets("OPEN")) == (HOUSEHOLD, wire.MEMBER)
    opened = (14, 100_000, 0, 0, ["mp4a.6b", "ipcm"])
    assert wire.pack_opened(*opened) == octets("OPEN, yes") and wire.unpack_opened(octets("OPEN, yes")) == opened
    put = (wire.AS_BOUGHT, copy, 18, "mp4a.6b", "song")
    assert wire.pack_put(*put) == octets("PUT") and wire.unpack_put(octets("PUT")) == put
    assert wire.pack_place(0) == octets("PUT, yes") and wire.unpack_place(octets("PUT, yes")) == 0
    end = (18, digest, KID, KEY)
    assert wire.pack_end(*end) == octets("END") and wire.unpack_end(octets("END")) == end
    assert bytes((wire.OK,)) == octets("END, yes")
    one = (copy, wire.AS_BOUGHT, 18, "song")
    assert wire.pack_list(0) == octets("LIST")
    assert wire.pack_copy(*one) == octets("LIST, yes") and wire.unpack_copy(octets("LIST, yes")) == one
    assert wire.pack_remove(copy) == octets("REMOVE") and wire.copy_of(octets("REMOVE")) == copy


@pytest.mark.parametrize("player", [False, True])
def test_a_contact_seals_as_the_page_has_it(player):
    from settop.dock.contact import Contact, pair_key

    assert pair_key(PLAYER_KEY, PLAYER_ID, TERMINAL_ID) == PAIR
    contact = Contact(PAIR, TERMINAL_ID, PLAYER_ID, TERMINAL_NONCE + PLAYER_NONCE, player)
    own, theirs = octets("PROVEN" if player else "PROOF")[1:], octets("PROOF" if player else "PROVEN")[1:]
    assert contact.proof == own and contact.proves(theirs)
    for number, name in enumerate(("OPEN", "PUT", "END", "LIST", "REMOVE"), 1):
        if player:
            assert contact.open(octets(f"ask {number}")) == (number, octets(name))
        else:
            assert contact.seal(number, octets(name)) == octets(f"ask {number}")
        if number > 4:
            continue
        if player:
            assert contact.seal(number, octets(f"{name}, yes")) == octets(f"answer {number}")
        else:
            assert contact.open(octets(f"answer {number}")) == (number, octets(f"{name}, yes"))


def test_worked_out_from_the_standards_it_comes_to_the_same():
    assert derived(PLAYER_KEY, 16, b"", b"ringcast dock 1 pair" + PLAYER_ID + TERMINAL_ID) == PAIR
    info = b"ringcast dock 1 contact" + TERMINAL_ID + PLAYER_ID
    keys = derived(PAIR, 64, TERMINAL_NONCE + PLAYER_NONCE, info)
    assert keys[:16] == octets("PROOF")[1:] and keys[16:32] == octets("PROVEN")[1:]
    assert keys[32:48] == octets("key to the player") and keys[48:] == octets("key to the terminal")
    made = derived(PAIR, 24, hashlib.sha256(octets("title")).digest(), b"ringcast dock 1 copy\x01")
    assert made == octets("copy and copy key")
    for name, message, key in (("OPEN", "ask 1", keys[32:48]), ("OPEN, yes", "answer 1", keys[48:])):
        header, sealed = octets(message)[:5], octets(message)[5:]
        cipher = AES.new(key, AES.MODE_CCM, nonce=header[1:] + bytes(9), mac_len=8)
        cipher.update(header)
        assert cipher.decrypt_and_verify(sealed[:-8], sealed[-8:]) == octets(name)


def test_the_household_s_list_opens_as_the_page_says():
    blob = octets("household")
    head, serial, sealed = household.split(blob)
    assert (head, serial) == (HOUSEHOLD, 7) and household.pack_command(blob) == TOLD["household"]
    key = derived(TERMINAL_KEY, 16, b"", b"ringcast household 1" + TERMINAL_ID)
    cipher = AES.new(key, AES.MODE_CCM, nonce=blob[:12] + b"\0", mac_len=16)
    cipher.update(blob[:12])
    content = cipher.decrypt_and_verify(sealed[:-16], sealed[-16:])
    assert content == octets("household's content")
    found = household.Household(content)
    assert (found.most, found.count, found.members) == (2, 2, 1)
    assert found.player(0) == (wire.MEMBER, PLAYER_ID) and found.key(0) == PAIR
    assert found.player(1) == (wire.GONE, b"player 2")
    again = household.pack_list(2, [(*found.player(number), bytes(found.key(number))) for number in range(2)])
    assert again == content
