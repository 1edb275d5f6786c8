"""A terminal is registered and its board gets the key, which neither the console nor the database shows."""

import random

import pytest
from headend.accounts.engine import open_database
from headend.accounts.master_key import MasterKey, load_master_key
from headend.callcentre.alarms import add_alarm
from headend.callcentre.revoking import revoke
from headend.callcentre.store_ledger import StoreLedger
from headend.callcentre.subscribers import set_tariff
from headend.provisioning import Exchange, HeadendKey, issue, known_device_key, read_board_key
from headend.provisioning.headend_key import headend_key
from settop.errors import LocalError, RemoteError
from testbed.cli import app
from testbed.commands._dialogue import Person, Registry, provision_board
from typer.testing import CliRunner

from tests.helpers.bench_board import BenchBoard
from tests.helpers.pretend_board import pretend_board

MASTER = MasterKey(b"\x5a" * 32)
HEADEND = HeadendKey(b"\x31" * 32)
SATISFIED = Person(lambda code: True, lambda asked: asked.split()[1])


@pytest.fixture
def engine():
    engine = open_database()
    set_tariff(engine, "evening", 25)
    return engine


@pytest.fixture
def terminal(engine):
    return issue(engine, MASTER, "5550100", "evening", random=random.Random(1).randbytes)


def registry(terminal=None, headend=HEADEND, forgotten=None, known=lambda terminal_id: None):
    return Registry(
        headend,
        known,
        (lambda: terminal) if terminal else (lambda: pytest.fail("registered")),
        forgotten.append if forgotten is not None else (lambda _: pytest.fail("forgotten")),
    )


def sealed_for(board, terminal, seed=4):
    """The line that answers what this board says."""
    exchange = Exchange(None, random.Random(seed).randbytes)
    (said,) = board.say(exchange.ask())
    board.say(exchange.answer(read_board_key(said), lambda terminal_id: None))
    return exchange.bring(terminal)


def test_board_gets_exactly_what_was_registered(engine, terminal):
    board = BenchBoard(trusts=HEADEND.public)
    assert provision_board(board, registry(terminal), SATISFIED) is terminal
    identity = board.identity
    assert (identity.terminal_id, bytes(identity.device_key), board.number) == (
        terminal.terminal_id,
        terminal.device_key,
        "5550100",
    )
    found = StoreLedger(engine, MASTER).find(identity.terminal_id)
    assert found is not None
    assert found.device_key == bytes(identity.device_key)


def test_board_gets_a_token_record_and_counts_nothing_for_it_later(terminal):
    board = BenchBoard()
    provision_board(board, registry(terminal), SATISFIED)
    board.restart()
    board.say("status")
    assert bytes(board.app.records("call").load("token")) == b"\x01" + terminal.terminal_id + bytes(8)
    assert board.board.counter() == 2, "one for the identity, one for the start"


@pytest.mark.parametrize("length", [1, 2, 11, 19, 20])
def test_number_of_every_length_fits(engine, length):
    board = BenchBoard()
    provision_board(board, registry(issue(engine, MASTER, "0" * length, "evening")), SATISFIED)
    assert board.number == "0" * length


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


def test_a_device_key_is_known_of_this_databases_terminals_alone(engine, terminal):
    assert known_device_key(engine, MASTER, terminal.terminal_id) == terminal.device_key
    assert known_device_key(engine, MASTER, bytes(8)) is None
    with pytest.raises(LocalError):
        known_device_key(engine, MasterKey(bytes(32)), terminal.terminal_id)


def test_altered_line_is_refused(terminal):
    for at in range(14, 14 + 2 * 112, 17):
        board = BenchBoard()
        line = sealed_for(board, terminal)
        (said,) = board.say(line[:at] + ("0" if line[at] != "0" else "1") + line[at + 1 :])
        assert said.startswith("provision-refused ") and "this is no answer for this board and this time" in said
        assert board.identity is None


def test_a_line_is_good_for_one_board_and_one_time(terminal):
    board = BenchBoard()
    line = sealed_for(board, terminal)
    assert board.say(line)[0].startswith("provisioned ")
    assert board.say(line)[0].startswith("error say `provision` first")
    other = BenchBoard(seed=b"other")
    sealed_for(other, terminal)
    assert "this is no answer for this board" in other.say(line)[0]


def test_ephemeral_key_is_gone_after_use_even_when_refused(terminal):
    for spoil in ("", "0"):
        board = BenchBoard()
        line = sealed_for(board, terminal)
        provisioner = board.app._provisioner
        sealing = provisioner._sealing
        assert provisioner._private is None and any(sealing)
        board.say(line + spoil)
        assert sealing == bytes(len(sealing)) and provisioner._sealing is None


@pytest.mark.parametrize("public", [bytes(32), b"\x01" + bytes(31)])
def test_board_key_of_small_order_is_refused(public):
    exchange = Exchange(None)
    with pytest.raises(RemoteError):
        exchange.answer(read_board_key(f"{public.hex()} headend=none terminal=none"), lambda _: None)


def test_an_identity_is_brought_once_and_not_before_the_boards_key_is_known(terminal):
    with pytest.raises(LocalError):
        Exchange(None).bring(terminal)
    exchange = Exchange(None)
    (said,) = BenchBoard().say(exchange.ask())
    exchange.answer(read_board_key(said), lambda _: None)
    exchange.bring(terminal)
    with pytest.raises(LocalError):
        exchange.bring(terminal)


def test_neither_repr_nor_line_shows_the_device_key(terminal):
    line = sealed_for(BenchBoard(), terminal)
    for shown in (repr(terminal), line):
        assert terminal.device_key.hex()[:16] not in shown
        assert repr(terminal.device_key)[2:-1] not in shown
    assert repr(HEADEND) == "HeadendKey(hidden)"


# --- the dialogue -----------------------------------------------------------------------------------------------------


def test_dialogue_passes_over_other_lines(terminal):
    noise = (b"MicroPython v1.25\r\n", b"@\r\n", b"@ 5 boot unprovisioned\r\n", b"\xff\xfe@ 5\r\n", b">>> \r\n")
    board = BenchBoard()
    board.answers += noise
    assert provision_board(board, registry(terminal), SATISFIED) is terminal
    assert board.identity.terminal_id == terminal.terminal_id


def test_refusal_by_the_board_takes_the_registration_back(terminal):
    forgotten = []
    board = BenchBoard(spoil=lambda line: line[:-8] if line.startswith("provision-set") else line)
    with pytest.raises(RemoteError, match="the board says: this is no answer"):
        provision_board(board, registry(terminal, forgotten=forgotten), SATISFIED)
    assert forgotten == [terminal]


@pytest.mark.parametrize(
    "lie", [b"error no", b"provision-refused " + b"0" * 16 + b" no", b"provisioned", b"provisioned {}"]
)
def test_what_the_board_has_not_proved_keeps_the_registration(terminal, capsys, lie):
    """Somebody writes into the cable before the board has answered."""
    board = BenchBoard()
    name = terminal.terminal_id.hex()
    say = board.write

    def write(data):
        if b"provision-set" in data:
            board.answers.append(b"@ 1 " + lie.replace(b"{}", name.encode() + b" " + b"0" * 16) + b"\r\n")
        return say(data)

    board.write = write
    forgotten = []
    with pytest.raises(RemoteError):
        provision_board(board, registry(terminal, forgotten=forgotten), SATISFIED)
    assert forgotten == [] and board.identity.terminal_id == terminal.terminal_id
    assert f"terminal {name} stays registered" in capsys.readouterr().err


def test_an_identity_that_was_revoked_or_copied_proves_no_board(engine, terminal):
    """Who has the copy has the device key, and would be given the next identity, too."""
    for end in ("revoked", "copied"):
        board = BenchBoard()
        first = issue(engine, MASTER, "1", "evening")
        provision_board(board, registry(first), SATISFIED)
        if end == "revoked":
            revoke(engine, first.terminal_id, 1)
        else:
            with engine.begin() as connection:
                add_alarm(connection, first.subscriber_id, 1, "clone", "an outdated token")
        known = registry(terminal, known=lambda terminal_id: known_device_key(engine, MASTER, terminal_id))
        with pytest.raises(LocalError, match="revoked, or copied"):
            provision_board(board, known, SATISFIED)
        assert board.identity.terminal_id == first.terminal_id


def test_a_board_that_must_have_an_identity_and_says_that_it_has_none_is_given_nothing(engine, terminal):
    wanted = issue(engine, MASTER, "1", "evening").terminal_id
    with pytest.raises(RemoteError, match=f"its identity is none, expected {wanted.hex()}"):
        provision_board(BenchBoard(), registry(), SATISFIED, instead_of=wanted)
    board = BenchBoard()
    provision_board(board, registry(terminal), SATISFIED)
    with pytest.raises(RemoteError, match=f"its identity is {terminal.terminal_id.hex()}"):
        provision_board(board, registry(), SATISFIED, replace=True, instead_of=wanted)


def test_silence_behind_the_identity_keeps_the_registration(terminal, capsys):
    board = BenchBoard()
    board.mute = "provisioned"
    with pytest.raises(RemoteError, match="no provisioned from the board"):
        provision_board(board, registry(terminal), SATISFIED, timeout_s=0.01)
    assert board.identity.terminal_id == terminal.terminal_id
    assert f"terminal {terminal.terminal_id.hex()} stays registered" in capsys.readouterr().err


def test_a_person_who_sees_another_code_registers_nobody():
    board = BenchBoard()
    seen = []
    person = Person(lambda code: seen.append(code), lambda asked: pytest.fail("asked"))
    with pytest.raises(LocalError, match="the codes differ"):
        provision_board(board, registry(), person)
    assert seen == [board.said("provision-code")]
    assert board.identity is None


def test_a_board_of_another_database_needs_replace_and_the_number_that_it_shows(engine, terminal):
    board = BenchBoard()
    provision_board(board, registry(issue(engine, MASTER, "1", "evening")), SATISFIED)
    with pytest.raises(LocalError, match="which the database does not vouch for"):
        provision_board(board, registry(), SATISFIED)
    nobody = Person(lambda code: True, lambda asked: "000000")
    with pytest.raises(RemoteError, match="not the number"):
        provision_board(board, registry(), nobody, replace=True)
    provision_board(board, registry(terminal), SATISFIED, replace=True)
    assert board.identity.terminal_id == terminal.terminal_id


def test_a_board_of_this_database_is_given_another_identity_without_a_question(engine, terminal):
    board = BenchBoard()
    first = issue(engine, MASTER, "1", "evening")
    provision_board(board, registry(first), SATISFIED)
    silent = Person(lambda code: True, lambda asked: pytest.fail("asked"))
    known = registry(terminal, known=lambda terminal_id: known_device_key(engine, MASTER, terminal_id))
    provision_board(board, known, silent)
    assert board.identity.terminal_id == terminal.terminal_id


def test_a_board_that_trusts_another_head_end_is_told_from_ours():
    board = BenchBoard(trusts=HeadendKey(bytes(32)).public)
    with pytest.raises(RemoteError, match="trusts another head-end's key"):
        provision_board(board, registry(), SATISFIED)


def test_complaint_about_half_a_line_is_not_taken_for_a_refusal(terminal):
    board = BenchBoard()
    board.answers.append(b"@ 1 error unknown command; there are call, hangup\r\n")
    assert provision_board(board, registry(terminal), SATISFIED) is terminal


def test_silent_board_is_named_and_nothing_is_registered():
    silent = BenchBoard()
    silent.write = len
    with pytest.raises(RemoteError, match=r"no provision-key from the board in 0\.01 s"):
        provision_board(silent, registry(), SATISFIED, timeout_s=0.01)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "64 hex digits"),
        ("00 headend=none terminal=none", "64 hex digits"),
        ("zz" * 32, "64 hex digits"),
        ("00" * 32, "another version"),
        ("00" * 32 + " headend=none", "another version"),
        ("00" * 32 + " headend=none terminal=00", "another version"),
        ("00" * 32 + " headend=none terminal=", "another version"),
    ],
)
def test_what_is_no_board_key_is_refused(text, reason):
    with pytest.raises(RemoteError, match=reason):
        read_board_key(text)


def test_a_board_key_is_read_as_the_board_says_it_or_a_person_pastes_it():
    text = "11" * 32 + " headend=none terminal=" + "22" * 8
    for pasted in (text, "provision-key " + text, f"@ 99 provision-key {text}\r\n"):
        found = read_board_key(pasted)
        assert (found.public, found.terminal_id, found.damaged) == (b"\x11" * 32, b"\x22" * 8, False)
    assert read_board_key("11" * 32 + " headend=none terminal=damaged").has_identity


# --- the head-end's key -----------------------------------------------------------------------------------------------


def test_the_head_ends_key_is_made_once_and_for_its_owner_alone(tmp_path, monkeypatch):
    monkeypatch.delenv("RINGCAST_HEADEND_KEY", raising=False)
    path = tmp_path / "centre.db.headend-key"
    made = headend_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert headend_key(path).public == made.public
    monkeypatch.setenv("RINGCAST_HEADEND_KEY", "01" * 32)
    assert headend_key(path).public == HeadendKey(b"\x01" * 32).public
    monkeypatch.setenv("RINGCAST_HEADEND_KEY", "01" * 31)
    with pytest.raises(LocalError, match="must hold 64 hex digits"):
        headend_key(path)


def test_a_head_end_key_that_others_can_read_or_that_is_none_is_refused(tmp_path, monkeypatch):
    monkeypatch.delenv("RINGCAST_HEADEND_KEY", raising=False)
    path = tmp_path / "key"
    headend_key(path)
    path.chmod(0o644)
    with pytest.raises(LocalError, match="chmod 600"):
        headend_key(path)
    path.chmod(0o600)
    path.write_text("zz")
    with pytest.raises(LocalError, match="64 hex digits"):
        headend_key(path)
    with pytest.raises(LocalError, match="cannot make"):
        headend_key(tmp_path / "none" / "key")


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def run(monkeypatch):
    monkeypatch.delenv("RINGCAST_MASTER_KEY", raising=False)
    monkeypatch.delenv("RINGCAST_HEADEND_KEY", raising=False)
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
        return board.taken()

    return answer


def test_command_provisions_a_board_over_its_console(run, tmp_path):
    board = BenchBoard()
    db = tmp_path / "centre.db"
    with pretend_board(tmp_path / "usb", answers_of(board)):
        words = (*options(db), "--portion-price", 25, "--programme", 7, "--port", tmp_path / "usb")
        result = run(*words, input="y\n")
    assert result.exit_code == 0, result.output
    assert f"code {board.said('provision-code')}: does the board itself show the same?" in result.output
    key_file = tmp_path / "centre.db.master-key"
    headend_file = tmp_path / "centre.db.headend-key"
    for file in (key_file, headend_file):
        assert file.stat().st_mode & 0o777 == 0o600
    ledger = StoreLedger(open_database(str(db)), load_master_key(key_file))
    found = ledger.find(board.identity.terminal_id)
    assert found.device_key == bytes(board.identity.device_key)
    assert [p for p in range(10) if ledger.may_watch(found, p)] == [7]
    assert board.identity.terminal_id.hex() in result.output
    for secret in (found.device_key.hex(), key_file.read_text().strip(), headend_file.read_text().strip()):
        assert secret not in result.output
        assert secret.encode() not in board.log


def test_command_that_is_not_told_that_the_codes_are_alike_registers_nobody(run, tmp_path):
    db = tmp_path / "centre.db"
    for said in ("n\n", ""):
        board = BenchBoard()
        with pretend_board(tmp_path / "usb", answers_of(board)):
            result = run(*options(db), "--portion-price", 25, "--port", tmp_path / "usb", input=said)
        assert (result.exit_code, board.identity) == (1, None)
        assert b"provision-set" not in board.log
        assert subscribers(db) == 0


def test_command_leads_a_person_through_the_lines_to_paste(run, tmp_path):
    """As a person would: what it says goes to the board, what the board says comes back."""
    board = BenchBoard()
    db = tmp_path / "centre.db"
    said = []

    def typed(prompt):
        return board.say(said[-1])[0].replace("provision-key", "@ 99 provision-key") if "key" in prompt else "?"

    import typer

    real_echo = typer.echo

    def echo(message="", **options):
        if not options.get("err"):
            said.append(message)
        real_echo(message, **options)

    def confirm(prompt, **_):
        return board.say(said[-1]) == ["provision-code " + prompt.split()[1].strip(":")]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer, "echo", echo)
        patch.setattr(typer, "prompt", lambda prompt, **_: typed(prompt))
        patch.setattr(typer, "confirm", confirm)
        result = run(*options(db), "--portion-price", 25, "--print")
    assert result.exit_code == 0, result.output
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("provision-set ")]
    assert board.say(line)[0].startswith("provisioned ")
    assert board.number == "5550100"


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
    key = ("--master-key", tmp_path / "kept", "--portion-price", 1)
    with pretend_board(tmp_path / "usb", answers_of(BenchBoard())):
        first = run(*options(db), *key, "--port", tmp_path / "usb", "--yes")
    assert first.exit_code == 0, first.output
    result = run(*options(db), "--print")
    assert (result.exit_code, "is missing and the database needs it" in result.output) == (1, True)
    result = run(*options(db), "--print", "--db", "postgresql://localhost/none")
    assert result.exit_code == 1
    assert "\n" not in result.output.strip()


def subscribers(db):
    with open_database(str(db)).begin() as connection:
        return connection.exec_driver_sql("SELECT count(*) FROM subscribers").scalar()


def test_failed_board_leaves_no_subscriber(run, tmp_path):
    board = BenchBoard(spoil=lambda line: "provision-set 00" if line.startswith("provision-set") else line)
    db = tmp_path / "centre.db"
    with pretend_board(tmp_path / "usb", answers_of(board)):
        words = (*options(db), "--portion-price", 25, "--programme", 7, "--port", tmp_path / "usb", "--yes")
        result = run(*words)
    assert result.exit_code == 1
    assert "the board says" in result.output
    assert subscribers(db) == 0
