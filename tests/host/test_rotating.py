"""A new master key: whoever is cut off or at work meanwhile, every device key opens, and in the end under it alone."""

import multiprocessing
import os
from itertools import count

import pytest
from headend.accounts import key_file, rotating
from headend.accounts.engine import open_database
from headend.accounts.errors import LedgerError
from headend.accounts.key_file import changing
from headend.accounts.master_key import MasterKey, create_master_key, load_master_key
from headend.accounts.models import Base, MasterKeyCheck, Terminal
from headend.accounts.rotating import WRAPPED, prepare_file, rotate_file, seal_anew
from headend.callcentre.store_ledger import StoreLedger
from headend.callcentre.subscribers import add_subscriber, set_tariff
from settop.errors import LocalError
from sqlalchemy import LargeBinary, func, select, text

from tests.host.test_migrating import Interrupted, fault_at, interrupt

MANY = 30
TERMINALS = {b"term%04d" % number: bytes([number]) * 32 for number in range(5)}


class Centre:
    """A database with five terminals and the key file that opens it."""

    def __init__(self, url, folder):
        self.url, self.file = url, folder / "master-key"
        self.engine = open_database(url)
        set_tariff(self.engine, "evening", 25)
        self.old = create_master_key(self.file)
        for terminal, key in TERMINALS.items():
            add_subscriber(self.engine, self.old, terminal, key, "evening")
        self.before = self.file.read_text()

    def rotate(self, **options):
        return rotate_file(self.engine, self.file, **{"pause": lambda _s: None} | options)

    def opens(self, master_key=None):
        """Every device key opens, for a program that starts now."""
        ledger = StoreLedger(open_database(self.url), master_key or load_master_key(self.file))
        return {terminal: ledger.find(terminal).device_key for terminal in TERMINALS} == TERMINALS

    def versions(self):
        with self.engine.begin() as connection:
            keys = connection.scalars(select(MasterKeyCheck.check_id).order_by(MasterKeyCheck.check_id)).all()
            used = connection.scalars(select(Terminal.key_version).distinct().order_by(Terminal.key_version)).all()
        return keys, used

    def is_done(self, version=2):
        assert self.versions() == ([version], [version])
        assert len(self.file.read_text().split()) == 1
        assert self.file.stat().st_mode & 0o777 == 0o600
        assert sorted(self.file.parent.glob("master-key*")) == [self.file]
        assert self.file.read_text() != self.before
        with pytest.raises(LocalError, match="master key does not open the database"):
            self.opens(MasterKey(bytes.fromhex(self.before)))
        return self.opens()


@pytest.fixture
def centre(tmp_path, monkeypatch):
    monkeypatch.setattr(rotating, "BATCH", 2)
    return Centre(str(tmp_path / "centre.db"), tmp_path)


def test_everything_opens_under_the_new_key_alone(centre):
    done = centre.rotate()
    assert (done.version, done.sealed_anew, done.continued) == (2, 5, False)
    assert centre.is_done()
    centre.before = centre.file.read_text()
    assert centre.rotate().version == 3
    assert centre.is_done(version=3)


def test_progress_is_told(centre):
    said = []
    centre.rotate(progress=lambda *numbers: said.append(numbers))
    assert said == [(0, 5), (2, 5), (4, 5), (5, 5)]


def test_every_sealed_secret_is_sealed_anew():
    """A column that is sealed under the master key and not in WRAPPED would be lost with the old key."""
    found = {
        (table.name, column.name)
        for table in Base.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, LargeBinary) and "sealed" in column.name and table.name != "master_key_check"
    }
    assert found == {(wrapped.table.name, wrapped.sealed) for wrapped in WRAPPED}
    for wrapped in WRAPPED:
        (reference,) = wrapped.table.c[rotating.VERSION].foreign_keys
        assert reference.column is MasterKeyCheck.__table__.c.check_id


# --- what PostgreSQL is asked too ---------------------------------------------------------------------------------


def check_a_fault_at_any_statement(make, cut=interrupt):
    """Each statement in turn is the last of a run; file and database open each other, and the next run finishes."""
    for statement in count():
        centre = make()
        with fault_at(statement, cut) as ran:
            try:
                centre.rotate()
            except Interrupted:
                pass
            else:
                break
        assert centre.opens()
        centre.rotate()
        assert centre.is_done()
        centre.engine.dispose()
    assert statement == len(ran) > 10


def killed_at(centre, statement):
    """Whether a process that rotates dies before that statement; without it, it is through."""
    centre.engine.dispose()
    process = multiprocessing.get_context("fork").Process(target=_rotate_until, args=(centre, statement))
    process.start()
    process.join(60)
    assert process.exitcode in (0, 9)
    return process.exitcode == 9


def _rotate_until(centre, statement):
    with fault_at(statement, lambda: os._exit(9)):
        centre.rotate()
    os._exit(0)


def check_a_process_killed_at_any_statement(make):
    for statement in count():
        centre = make()
        if not killed_at(centre, statement):
            break
        assert centre.opens()
        centre.rotate()
        assert centre.is_done()
        centre.engine.dispose()
    assert statement > 10
    assert centre.is_done()


def check_others_go_on(centre):
    """A program from before, at every point of the way: it finds, registers, and is told nothing."""
    ledger = StoreLedger(centre.engine, centre.old)
    known = load_master_key(centre.file)
    knowing = StoreLedger(centre.engine, known)
    ledger_key = iter(b"guest%03d" % number for number in range(100))
    assert knowing.find(b"term0000").device_key == bytes(32)
    guests = {}

    def meanwhile(_seconds):
        for terminal, key in (TERMINALS | guests).items():
            assert knowing.find(terminal).device_key == key
        if len(guests) < 6:
            for master_key in (centre.old, known):
                guest = next(ledger_key)
                add_subscriber(centre.engine, master_key, guest, guest * 4, "evening")
                guests[guest] = guest * 4

    done = centre.rotate(pause=meanwhile)
    assert len(guests) == 6
    assert done.sealed_anew > 5
    assert centre.is_done()
    for terminal, key in (TERMINALS | guests).items():
        assert knowing.find(terminal).device_key == key
    with pytest.raises(LocalError, match="does not open the database"):
        ledger.find(b"term0000")  # in whose memory the old key is, and no file to look for another
    with pytest.raises(LocalError, match="does not open the database"):
        add_subscriber(centre.engine, centre.old, next(ledger_key), bytes(32), "evening")


def check_under_load(centre):
    """Processes that charge, find and register while the key is changed twice: nobody fails, nothing is lost."""
    for number in range(MANY):
        add_subscriber(centre.engine, centre.old, b"many%04d" % number, b"%032d" % number, "evening")
    centre.engine.dispose()
    context = multiprocessing.get_context("spawn")
    start, stop = context.Barrier(3), context.Event()
    workers = [context.Process(target=_work, args=(centre.url, centre.file, start, stop, name)) for name in range(2)]
    for worker in workers:
        worker.start()
    start.wait(60)
    versions = [rotate_file(centre.engine, centre.file).version for _ in range(2)]  # with its pauses
    stop.set()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert versions == [2, 3]
    assert centre.is_done(version=3)
    with centre.engine.begin() as connection:
        assert connection.scalar(select(func.count()).select_from(Terminal)) > 5 + MANY
        ids = connection.scalars(select(Terminal.terminal_id)).all()
        charged = connection.scalar(text("SELECT sum(charged) FROM accounts"))
        assert charged == connection.scalar(text("SELECT sum(price) FROM charges")) > 0
    ledger = StoreLedger(centre.engine, load_master_key(centre.file))
    assert all(ledger.find(terminal) for terminal in ids)


def _work(url, file, start, stop, name):
    engine = open_database(url)
    master_key = load_master_key(file)
    ledger = StoreLedger(engine, master_key)
    call = ledger.open_call(ledger.find(b"term%04d" % name), 1, b"run no.1", 0)
    start.wait(60)
    for turn in count():
        assert ledger.find(b"many%04d" % (turn % MANY)).device_key == b"%032d" % (turn % MANY)
        assert ledger.deliver(call, turn, turn)
        add_subscriber(engine, master_key, b"new%d%04d" % (name, turn), bytes(32), "evening")
        if stop.wait(0.05):  # between two steps of a call; SQLite is no place for those that never pause
            return


# --- SQLite -------------------------------------------------------------------------------------------------------


@pytest.fixture
def make(tmp_path, monkeypatch):
    monkeypatch.setattr(rotating, "BATCH", 2)
    numbers = count()

    def made():
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        return Centre(str(folder / "centre.db"), folder)

    return made


def test_a_fault_at_any_statement_is_made_good_by_the_next_run(make):
    check_a_fault_at_any_statement(make)


def test_a_process_killed_at_any_statement_is_made_good_by_the_next_run(make):
    check_a_process_killed_at_any_statement(make)


def test_others_go_on_while_the_key_is_changed(centre):
    check_others_go_on(centre)


def test_processes_charge_and_register_while_the_key_is_changed(centre, monkeypatch):
    monkeypatch.setattr(rotating, "BATCH", 10)
    check_under_load(centre)


@pytest.mark.parametrize("name", ["os.fsync", "os.replace", "os.fchmod", "os.link"])
def test_a_fault_at_any_step_of_the_file_is_made_good_by_the_next_run(make, monkeypatch, name):
    """The disk's own errors, and an end between any two steps."""
    for error in (OSError(5, "Input/output error"), Interrupted()):
        for step in count():
            centre = make()
            with monkeypatch.context() as patched:
                steps = _fail_at(patched, name, step, error)
                try:
                    centre.rotate()
                    break
                except (LocalError, Interrupted):
                    pass
            assert centre.opens()
            # Where the old key had gone from the file already, the next run is another rotation.
            through = len(centre.file.read_text().split()) == 1 and centre.versions()[0] == [2]
            centre.rotate()
            assert centre.is_done(version=3 if through else 2)
        assert step == len(steps) >= 2


def _fail_at(patched, name, step, error):
    function, steps = getattr(os, name.removeprefix("os.")), []

    def counted(*arguments, **options):
        if len(steps) == step:
            raise error
        steps.append(name)
        return function(*arguments, **options)

    patched.setattr(name, counted)
    return steps


def test_the_new_key_is_on_the_disk_before_anything_is_sealed_under_it(centre, monkeypatch):
    order = []
    monkeypatch.setattr(key_file, "sync_folder", lambda _path: order.append("synced"))
    with fault_at(-1, interrupt) as ran:
        monkeypatch.setattr(key_file.os, "fsync", lambda _handle: order.append(("file", len(ran))))
        centre.rotate()
    first = next(number for number, sql in enumerate(ran) if sql.startswith("INSERT INTO master_key_check"))
    (_, written), synced, *_ = order
    assert written <= first
    assert synced == "synced"


def test_two_at_once_are_refused(centre):
    with changing(centre.file), pytest.raises(LocalError, match="another program is changing the master key"):
        centre.rotate()
    assert centre.file.read_text() == centre.before
    assert centre.rotate().version == 2


def test_another_new_key_than_the_one_under_way_is_refused(centre, tmp_path):
    """As from two computers with a copy of the key file each."""
    with fault_at(7, interrupt), pytest.raises(Interrupted):
        centre.rotate()
    assert centre.versions()[0] == [1, 2]
    copy = tmp_path / "elsewhere" / "master-key"
    copy.parent.mkdir()
    copy.write_text(centre.before)
    copy.chmod(0o600)
    with pytest.raises(LocalError, match="being given another master key already"):
        rotate_file(centre.engine, copy)
    copy.write_text(f"{'ab' * 32}\n{centre.before}")
    with pytest.raises(LocalError, match="does not open the database"):
        rotate_file(centre.engine, copy)
    assert centre.opens()
    centre.rotate()
    assert centre.is_done()


def test_prepared_file_is_used_by_programs_and_by_the_rotation(centre):
    assert prepare_file(centre.engine, centre.file)
    prepared = centre.file.read_text().split()
    assert prepared[1] == centre.before.strip()
    assert centre.opens()
    assert not prepare_file(centre.engine, centre.file)
    assert centre.file.read_text().split() == prepared
    assert centre.rotate().continued
    assert centre.file.read_text().split() == prepared[:1]
    assert centre.is_done()


def test_foreign_key_changes_neither_file_nor_database(centre, tmp_path):
    (tmp_path / "other").mkdir()
    other = tmp_path / "other" / "key"
    create_master_key(other)
    before = other.read_text()
    with pytest.raises(LocalError, match="does not open the database"):
        rotate_file(centre.engine, other)
    assert other.read_text() == before
    assert centre.versions() == ([1], [1])
    assert centre.opens()


def test_database_without_a_key_is_left_alone(tmp_path):
    path = tmp_path / "key"
    create_master_key(path)
    before = path.read_text()
    with pytest.raises(LocalError, match="nothing is sealed in this database yet"):
        rotate_file(open_database(), path)
    assert path.read_text() == before


def test_key_that_does_not_open_is_named_and_both_keys_stay(centre):
    with centre.engine.begin() as connection:
        connection.execute(
            text("UPDATE terminals SET sealed_key = :sealed WHERE key_version = 1"), {"sealed": bytes(48)}
        )
    with pytest.raises(LocalError, match=f"the key of {b'term0000'.hex()} does not open under the old"):
        centre.rotate()
    assert centre.versions() == ([1, 2], [1])
    assert len(centre.file.read_text().split()) == 2


def test_link_to_the_file_is_followed_and_stays(centre, tmp_path):
    (tmp_path / "etc").mkdir()
    link = tmp_path / "etc" / "key"
    link.symlink_to(centre.file)
    rotate_file(centre.engine, link)
    assert link.is_symlink()
    assert centre.is_done()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_file_of_a_service_stays_the_services(centre):
    os.chown(centre.file, 65534, 65534)
    centre.rotate()
    assert (centre.file.stat().st_uid, centre.file.stat().st_gid) == (65534, 65534)
    assert centre.is_done()


def test_program_that_holds_the_old_key_alone_names_what_it_lacks(centre):
    ledger = StoreLedger(centre.engine, centre.old)
    with fault_at(12, interrupt), pytest.raises(Interrupted):
        centre.rotate()
    assert centre.versions() == ([1, 2], [1, 2])
    with pytest.raises(LedgerError, match="sealed under version 2 of the master key, which is not held here"):
        for terminal in TERMINALS:
            ledger.find(terminal)


def test_keys_of_the_environment_are_sealed_anew_under_the_first(centre, monkeypatch):
    monkeypatch.setenv("RINGCAST_MASTER_KEY", f"{'cd' * 32} {centre.before.strip()}")
    new, old = load_master_key().held()
    assert seal_anew(centre.engine, old, new).sealed_anew == 5
    assert centre.versions() == ([2], [2])
    monkeypatch.setenv("RINGCAST_MASTER_KEY", "cd" * 32)
    assert centre.opens(load_master_key())
