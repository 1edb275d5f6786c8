"""Who sits between head-end and board, or speaks to a board unasked, and what that gains him."""

import hashlib

import pytest
from Crypto.Cipher import AES
from Crypto.Hash import SHA256
from Crypto.Protocol.KDF import HKDF
from headend.accounts.engine import open_database
from headend.accounts.master_key import MasterKey
from headend.callcentre.subscribers import set_tariff
from headend.crypto.x25519 import public_key, x25519_shared
from headend.provisioning import HeadendKey, issue, known_device_key
from settop.errors import LocalError, RemoteError
from settop.wire import provision as wire
from testbed.commands._dialogue import UNASKED, Person, Registry, provision_board

from tests.helpers.bench_board import BenchBoard

MASTER = MasterKey(b"\x5a" * 32)
HEADEND = HeadendKey(b"\x31" * 32)


class Centre:
    """The call centre's database: who is registered."""

    def __init__(self):
        self.engine = open_database()
        set_tariff(self.engine, "evening", 25)
        self.issued = []
        self.registry = Registry(
            HEADEND,
            lambda terminal_id: known_device_key(self.engine, MASTER, terminal_id),
            self._register,
            self.issued.remove,
        )

    def _register(self):
        self.issued.append(issue(self.engine, MASTER, "5550100", "evening"))
        return self.issued[-1]


class ManInTheMiddle:
    """The console of a board, as whoever sits on the cable hands it on: to the host he is a board with a key of his own
    making, to the board a host. `board` is the one at the other end. claims: what he says of it beside the key."""

    def __init__(self, board, claims=None):
        self.board = board
        self.claims = claims
        self.private = {"host": b"\x61" * 32, "board": b"\x62" * 32}
        self.host_public = self.board_public = b""
        self.told = ""
        self.authority = ""
        self.brought = ""
        self.heard = b""
        self._answers = []

    def write(self, data):
        self.heard += data
        for line in data.decode().split("\r\n"):
            words = line.split()
            if words:
                getattr(self, "on_" + words[0].replace("-", "_"))(words)
        return len(data)

    def readline(self, _size):
        return self._answers.pop(0) if self._answers else b""

    def answer(self, text):
        self._answers.append(b"@ 1 " + text.encode() + b"\r\n")

    def on_provision(self, _words):
        mine = public_key(self.private["board"])
        commit = hashlib.sha256(wire.COMMIT_LABEL + mine).hexdigest()
        _, public, self.told = self.board.say(f"provision {commit}")[0].split(" ", 2)
        self.board_public = bytes.fromhex(public)
        self.answer(f"provision-key {public_key(self.private['host']).hex()} {self.claims or self.told}")

    def on_provision_open(self, words):
        self.host_public, self.authority = bytes.fromhex(words[1]), words[2]
        mine = public_key(self.private["board"])
        (self.board_said,) = self.board.say(f"provision-open {mine.hex()} {self.authority}")
        self.answer("provision-code " + self.host_code())

    def on_provision_set(self, words):
        self.brought = words[1]
        self.answer("provisioned " + "00" * 8)

    def transcript(self, side):
        headend = HEADEND.public if "headend=none" not in (self.claims or self.told) else None
        terminal = (self.claims or self.told).split("terminal=")[1]
        terminal_id = bytes.fromhex(terminal) if len(terminal) == 16 else None
        keys = {
            "host": (public_key(self.private["host"]), self.host_public),
            "board": (self.board_public, public_key(self.private["board"])),
        }
        return wire.transcript(*keys[side], headend, self.authority, terminal_id)

    def host_code(self):
        """The code that the host will show, which he can work out and shows it as the board's."""
        return wire.code_of(hashlib.sha256(wire.CODE_LABEL + self.transcript("host")).digest())

    def sealing(self, side):
        """All that he can work out of the key."""
        peer = self.host_public if side == "host" else self.board_public
        secret = x25519_shared(self.private[side], peer)
        # Towards the host he plays the board, and its share with the head-end's static key is then his own.
        secret += x25519_shared(self.private[side], HEADEND.public) if side == "host" else bytes(32)
        return HKDF(secret + bytes(32), 45, b"", SHA256, context=self.transcript(side))

    def learns(self):
        """The content that was meant for the board, where he can open it."""
        sealed = bytes.fromhex(self.brought)
        key = self.sealing("host")
        try:
            return AES.new(key[:16], AES.MODE_CCM, nonce=key[16:29], mac_len=16).decrypt_and_verify(
                sealed[:-16], sealed[-16:]
            )
        except ValueError:
            return None

    def forges(self):
        """What the board says to an identity of his making."""
        key = self.sealing("board")
        content = bytes(wire.pack_content(bytes(32), b"\x02" + bytes(40), [("call", "number", b"0900")]))
        sealed, tag = AES.new(key[:16], AES.MODE_CCM, nonce=key[16:29], mac_len=16).encrypt_and_digest(content)
        return self.board.say(wire.pack_set(sealed + tag))[-1]


def at_the(board):
    """A person who looks at the board's own display, and not at what comes over the line."""
    return Person(lambda code: code == board.said("provision-code"), lambda asked: pytest.fail("asked"))


@pytest.mark.parametrize("trusts", [HEADEND.public, b""], ids=["flashed with the key", "without"])
def test_a_man_in_the_middle_learns_nothing_and_nobody_is_registered(trusts):
    board, centre = BenchBoard(trusts=trusts), Centre()
    man = ManInTheMiddle(board)
    with pytest.raises(LocalError, match="the codes differ, so somebody sits between"):
        provision_board(man, centre.registry, at_the(board))
    assert man.brought == "" and centre.issued == []
    assert board.identity is None


def test_a_man_in_the_middle_cannot_provision_a_board_that_was_flashed_with_the_head_ends_key():
    board, centre = BenchBoard(trusts=HEADEND.public), Centre()
    man = ManInTheMiddle(board)
    with pytest.raises(RemoteError):
        provision_board(man, centre.registry, UNASKED)
    assert "this is no answer for this board" in man.forges()
    assert board.identity is None


def test_a_man_in_the_middle_of_a_replacement_learns_nothing_even_if_nobody_compares_codes():
    board, centre = BenchBoard(), Centre()
    provision_board(board, centre.registry, UNASKED)
    old = bytes(board.identity.device_key)
    man = ManInTheMiddle(board)
    with pytest.raises(RemoteError):
        provision_board(man, centre.registry, UNASKED)
    assert man.brought and man.learns() is None
    assert "this is no answer for this board" in man.forges()
    assert bytes(board.identity.device_key) == old


def test_whoever_answers_instead_of_a_new_board_is_found_by_the_code_alone():
    """Why the command asks: a board without an identity has nothing to prove itself by. docs/security.md says so."""
    board, centre = BenchBoard(trusts=HEADEND.public), Centre()
    man = ManInTheMiddle(board)
    with pytest.raises(RemoteError, match="somebody else than the board"):
        provision_board(man, centre.registry, UNASKED)
    assert man.learns() is not None


@pytest.mark.parametrize("claims", ["headend=none terminal=none", "headend=none terminal=" + "11" * 8])
def test_what_is_altered_of_a_boards_words_makes_another_code(claims):
    """Its key is handed on as it is: nothing could be opened. The board is told to be without the head-end's key."""
    board, centre = BenchBoard(trusts=HEADEND.public), Centre()

    class Liar(BenchBoard):
        def write(self, data):
            board.write(data)
            for line in board.taken().split(b"\r\n"):
                words = line.split(b" ")
                told = b" ".join(words[:4]) + b" " + claims.encode() if b"provision-key" in line else line
                self.answers.append(told + b"\r\n")
            return len(data)

    with pytest.raises((RemoteError, LocalError), match=r"another code than this command|does not vouch for"):
        provision_board(Liar(), centre.registry, UNASKED)
    assert centre.issued == [] and board.identity is None


def test_a_key_that_was_looked_for_after_the_boards_one_is_known_is_refused():
    """Without the commitment a million tries would find the key that leads to the code of the other side."""
    board = BenchBoard()
    board.say("provision " + hashlib.sha256(wire.COMMIT_LABEL + public_key(b"\x01" * 32)).hexdigest())
    (said,) = board.say(f"provision-open {public_key(bytes([2] * 32)).hex()} first")
    assert said.startswith("error another key than the one announced")


def test_codes_of_two_exchanges_are_alike_no_more_often_than_by_chance():
    codes = set()
    for number in range(3000):
        said = wire.transcript(bytes(32), number.to_bytes(32, "big"), None, "first", None)
        codes.add(wire.code_of(hashlib.sha256(wire.CODE_LABEL + said).digest()))
    assert len(codes) > 2950 and all(len(code) == 6 and code.isdigit() for code in codes)


def test_an_unasked_provision_is_refused_and_the_identity_stays():
    """With the head-end's own program and another database, whatever it claims."""
    board, centre, stranger = BenchBoard(), Centre(), Centre()
    provision_board(board, centre.registry, UNASKED)
    old = (board.identity.terminal_id, bytes(board.identity.device_key))
    with pytest.raises(LocalError, match="which the database does not vouch for"):
        provision_board(board, stranger.registry, UNASKED)
    guessing = Registry(None, lambda terminal_id: bytes(32), stranger.registry.register, stranger.registry.forget)
    with pytest.raises(RemoteError, match="somebody else than the board"):
        provision_board(board, guessing, UNASKED)
    with pytest.raises(RemoteError, match="not the number"):
        provision_board(board, stranger.registry, Person(lambda code: True, lambda asked: "123"), replace=True)
    assert len(stranger.issued) == 1  # whoever guesses the old key cannot prove the board's answer, so his own stays
    board.restart()
    assert (board.identity.terminal_id, bytes(board.identity.device_key)) == old
