"""A terminal is registered and its board gets the key, which neither the console nor the database shows."""

import random

import pytest
from headend.accounts.engine import open_database
from headend.accounts.master_key import MasterKey, load_master_key
from headend.callcentre.store_ledger import StoreLedger
from headend.callcentre.subscribers import set_tariff
from headend.provisioning import issue, provisioning_line, wrap_for
from settop.errors import LocalError, RemoteError
from settop.services.provision import Provisioner
from settop.wire.provision import HOST_RANDOM_BYTES
from testbed.cli import app
from testbed.commands.provision import provision_board
from typer.testing import CliRunner

from tests.helpers.pretend_board import pretend_board

MASTER = MasterKey(b"\x5a" * 32)


@pytest.fixture
def engine():
    engine = open_database()
    set_tariff(engine, "evening", 25)
    return engine


@pytest.fixture
def terminal(engine):
    return issue(engine, MASTER, "5550100", "evening", random=random.Random(1).randbytes)


class Board:
    """A board's console that answers as the firmware does; `spoil` changes the line that brings the identity."""

    def __init__(self, spoil=lambda words: words, noise=()):
        self.identity = None
        self.log = b""
        self._spoil = spoil
        self._answers = list(noise)
        self._provisioner = Provisioner(random.Random(2).randbytes)

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        return None

    def write(self, data):
        self.log += data
        for line in data.decode().split("\r\n"):
            words = line.split()
            if words == ["provision"]:
                self._say("provision-key " + self._provisioner.begin().hex())
            elif words[:1] == ["provision-set"]:
                self._finish(self._spoil(words))

    def _finish(self, words):
        try:
            self.identity, _, _ = self._provisioner.finish(bytes.fromhex(words[1]), bytes.fromhex(words[2]))
            self._say("provisioned " + self.identity.terminal_id.hex())
        except RemoteError as error:
            self._say(f"error {error}")

    def _say(self, text):
        self._answers.append(f"@ 1234 {text}\r\n".encode())

    def readline(self, _size):
        line = self._answers.pop(0) if self._answers else b""
        self.log += line
        return line


def test_board_gets_exactly_what_was_registered(engine, terminal):
    board = Provisioner(random.Random(3).randbytes)
    identity, number, host_random = board.finish(*wrap_for(board.begin(), terminal, random.Random(4).randbytes))
    assert (identity.terminal_id, bytes(identity.device_key), number) == (
        terminal.terminal_id,
        terminal.device_key,
        b"5550100",
    )
    assert len(host_random) == HOST_RANDOM_BYTES
    found = StoreLedger(engine, MASTER).find(identity.terminal_id)
    assert found is not None
    assert found.device_key == bytes(identity.device_key)


@pytest.mark.parametrize("length", range(1, 21))
def test_number_of_every_length_fits(engine, length):
    terminal = issue(engine, MASTER, "0" * length, "evening")
    board = Provisioner(random.Random(length).randbytes)
    _, number, _ = board.finish(*wrap_for(board.begin(), terminal))
    assert number == b"0" * length


@pytest.mark.parametrize("number", ["", "0" * 21, "555 0100", "call me"])
def test_impossible_number_registers_nothing(engine, number):
    draws = random.Random(1)
    with pytest.raises(LocalError, match="telephone number"):
        issue(engine, MASTER, number, "evening", random=draws.randbytes)
    assert StoreLedger(engine, MASTER).find(random.Random(1).randbytes(8)) is None


def test_two_terminals_differ_in_everything(engine):
    first, second = (issue(engine, MASTER, "1", "evening") for _ in range(2))
    assert first.terminal_id != second.terminal_id
    assert first.device_key != second.device_key


def test_altered_blob_or_key_is_refused(terminal):
    for at in range(0, 32 + 104, 5):
        board = Provisioner(random.Random(3).randbytes)
        public, blob = wrap_for(board.begin(), terminal, random.Random(4).randbytes)
        answer = bytearray(public + blob)
        # X25519 ignores the top bit of a public key, but the KEK covers it.
        answer[at % len(answer)] ^= 0x80
        with pytest.raises(RemoteError):
            board.finish(bytes(answer[:32]), bytes(answer[32:]))


def test_random_answers_raise_only_remote_errors():
    rng = random.Random(5)
    for _ in range(60):
        board = Provisioner(rng.randbytes)
        board.begin()
        with pytest.raises(RemoteError):
            board.finish(rng.randbytes(rng.choice((0, 31, 32, 32, 33))), rng.randbytes(rng.randrange(0, 150)))


def test_answer_is_good_for_one_board_and_one_time(terminal):
    board = Provisioner(random.Random(3).randbytes)
    answer = wrap_for(board.begin(), terminal)
    board.finish(*answer)
    with pytest.raises(LocalError):
        board.finish(*answer)
    other = Provisioner(random.Random(6).randbytes)
    other.begin()
    with pytest.raises(RemoteError):
        other.finish(*answer)


def test_ephemeral_key_is_gone_after_use_even_when_refused(terminal):
    drawn = random.Random(3).randbytes(32)
    for spoil in (0, 1):
        board = Provisioner(random.Random(3).randbytes)
        public, blob = wrap_for(board.begin(), terminal)
        private = board._private
        assert bytes(private) == drawn
        try:
            board.finish(public, bytes([blob[0] ^ spoil]) + blob[1:])
        except RemoteError:
            assert spoil
        assert bytes(private) == bytes(32)
        assert board._private is None


@pytest.mark.parametrize("public", [bytes(32), b"\x01" + bytes(31)])
def test_board_key_of_small_order_is_refused(terminal, public):
    with pytest.raises(RemoteError):
        wrap_for(public, terminal)
    board = Provisioner(random.Random(3).randbytes)
    board.begin()
    with pytest.raises(RemoteError):
        board.finish(public, bytes(104))


def test_neither_repr_nor_line_shows_the_device_key(terminal):
    line = provisioning_line(Provisioner(random.Random(3).randbytes).begin(), terminal)
    for shown in (repr(terminal), line):
        assert terminal.device_key.hex()[:16] not in shown
        assert repr(terminal.device_key)[2:-1] not in shown


def test_dialogue_passes_over_other_lines(engine, terminal):
    noise = (b"MicroPython v1.25\r\n", b"@\r\n", b"@ 5 boot unprovisioned\r\n", b"\xff\xfe@ 5\r\n", b">>> \r\n")
    board = Board(noise=noise)
    assert provision_board(board, lambda: terminal, lambda _: pytest.fail("forgotten")) is terminal
    assert board.identity.terminal_id == terminal.terminal_id


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda words: [words[0], words[1], "00" * 104], "the board says: key unwrap failed"),
        (lambda words: [words[0], "00" * 32, words[2]], "the board says: X25519 public key"),
    ],
)
def test_refusal_by_the_board_takes_the_registration_back(terminal, spoil, reason):
    forgotten = []
    with pytest.raises(RemoteError, match=reason):
        provision_board(Board(spoil), lambda: terminal, forgotten.append)
    assert forgotten == [terminal]


def test_complaint_about_half_a_line_is_not_taken_for_a_refusal(terminal):
    board = Board()
    write, stray = board.write, [b"x"]

    def complain_first(data):
        if stray and b"\r\n" in data:
            stray.clear()
            board._say("error unknown command; there are call, hangup")
        write(data)

    board.write = complain_first
    assert provision_board(board, lambda: terminal, lambda _: pytest.fail("forgotten")) is terminal


def test_silent_board_is_named_and_nothing_is_registered():
    silent = Board()
    silent.write = lambda data: None
    with pytest.raises(RemoteError, match=r"no provision-key from the board in 0\.01 s"):
        provision_board(silent, lambda: pytest.fail("registered"), lambda _: None, timeout_s=0.01)


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def run(monkeypatch):
    monkeypatch.delenv("RINGCAST_MASTER_KEY", raising=False)
    return lambda *words, **options: CliRunner().invoke(app, ["provision", *map(str, words)], **options)


def options(db):
    return ["--db", db, "--number", "5550100", "--tariff", "evening"]


def answers_of(board):
    """`board` behind a serial port, which brings it what is said to it in pieces."""
    said = bytearray()

    def answer(data):
        said.extend(data)
        if not said.endswith(b"\r\n"):
            return b""
        board.write(bytes(said))
        said.clear()
        answers, board._answers = board._answers, []
        board.log += b"".join(answers)
        return b"".join(answers)

    return answer


def test_command_provisions_a_board_over_its_console(run, tmp_path):
    board = Board()
    db = tmp_path / "centre.db"
    with pretend_board(tmp_path / "usb", answers_of(board)):
        result = run(*options(db), "--portion-price", 25, "--programme", 7, "--port", tmp_path / "usb")
    assert result.exit_code == 0, result.output
    key_file = tmp_path / "centre.db.master-key"
    assert key_file.stat().st_mode & 0o777 == 0o600
    ledger = StoreLedger(open_database(str(db)), load_master_key(key_file))
    found = ledger.find(board.identity.terminal_id)
    assert found.device_key == bytes(board.identity.device_key)
    assert [p for p in range(10) if ledger.may_watch(found, p)] == [7]
    assert board.identity.terminal_id.hex() in result.output
    for secret in (found.device_key.hex(), key_file.read_text().strip()):
        assert secret not in result.output
        assert secret.encode() not in board.log


def test_command_prints_the_line_to_paste(run, tmp_path):
    board = Provisioner(random.Random(3).randbytes)
    pasted = f"@ 99 provision-key {board.begin().hex()}\n"
    result = run(*options(tmp_path / "centre.db"), "--portion-price", 25, "--print", input=pasted)
    assert result.exit_code == 0, result.output
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("provision-set ")]
    _, number, _ = board.finish(*(bytes.fromhex(word) for word in line.split()[1:]))
    assert number == b"5550100"


@pytest.mark.parametrize("pasted", ["nonsense\n", "@ 99 provision-key 00\n", "zz" * 32 + "\n"])
def test_command_refuses_what_is_no_board_key(run, tmp_path, pasted):
    result = run(*options(tmp_path / "centre.db"), "--portion-price", 25, "--print", input=pasted)
    assert result.exit_code == 1
    assert "64 hex digits" in result.output


def test_command_names_what_is_missing(run, tmp_path):
    db = tmp_path / "centre.db"
    assert "--print" in run(*options(db)).output
    result = run(*options(db), "--print")
    assert (result.exit_code, "add --portion-price" in result.output) == (1, True)
    (tmp_path / "centre.db.master-key").rename(tmp_path / "kept")
    board = Provisioner(random.Random(3).randbytes)
    first = run(
        *options(db), "--master-key", tmp_path / "kept", "--portion-price", 1, "--print", input=board.begin().hex()
    )
    assert first.exit_code == 0, first.output
    result = run(*options(db), "--print")
    assert (result.exit_code, "is missing and the database needs it" in result.output) == (1, True)
    result = run(*options(db), "--print", "--db", "postgresql://localhost/none")
    assert result.exit_code == 1
    assert "\n" not in result.output.strip()


def test_failed_board_leaves_no_subscriber(run, tmp_path):
    board = Board(lambda words: [words[0], words[1], "00" * 104])
    db = tmp_path / "centre.db"
    with pretend_board(tmp_path / "usb", answers_of(board)):
        result = run(*options(db), "--portion-price", 25, "--programme", 7, "--port", tmp_path / "usb")
    assert result.exit_code == 1
    assert "the board says" in result.output
    with open_database(str(db)).begin() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM subscribers").scalar() == 0
