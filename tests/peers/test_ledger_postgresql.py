"""The ledger's own tests once more, over a PostgreSQL server of this test's (needs its programs and psycopg)."""

import importlib.util
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from headend.accounts.models import Base
from sqlalchemy import create_engine

from tests.host import test_ledger

pytestmark = pytest.mark.peer
LEDGER_TESTS = [
    name
    for name, test in vars(test_ledger).items()
    if name.startswith("test_") and not test.__code__.co_argcount  # those with a file of their own are SQLite's
]


def program(name):
    places = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    found = shutil.which(name, path=os.pathsep.join([*map(str, places), os.environ.get("PATH", "")]))
    if found is None:
        missing(f"{name} is missing: apt-get install postgresql")
    return found


def missing(message):
    if os.environ.get("CI") == "true":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


@pytest.fixture(scope="module")
def server():
    if importlib.util.find_spec("psycopg") is None:
        missing("psycopg is missing: pip install 'psycopg[binary]'")
    initdb, pg_ctl = program("initdb"), program("pg_ctl")
    # The server refuses to run as root, and its user must reach the folder.
    as_user = ["runuser", "-u", "nobody", "--"] if os.geteuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="ringcast-pg-"))
    try:
        if as_user:
            shutil.chown(folder, "nobody")
        quiet = {"check": True, "stdout": subprocess.DEVNULL, "cwd": "/"}
        data = str(folder / "data")
        subprocess.run([*as_user, initdb, "-D", data, "-A", "trust", "-U", "test", "--no-sync"], **quiet)
        options = f"-k {folder} -c listen_addresses='' -c fsync=off"
        log = str(folder / "log")
        subprocess.run([*as_user, pg_ctl, "-D", data, "-o", options, "-l", log, "-w", "start"], **quiet)
        try:
            yield f"postgresql+psycopg://test@/postgres?host={folder}"
        finally:
            subprocess.run([*as_user, pg_ctl, "-D", data, "-m", "immediate", "-w", "stop"], **quiet)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("name", LEDGER_TESTS)
def test_ledger_behaves_the_same(name, server, monkeypatch):
    monkeypatch.setattr(test_ledger, "new_database", lambda: emptied(server))
    getattr(test_ledger, name)()


def test_two_processes_charge_a_portion_once(server):
    test_ledger.check_two_processes(emptied(server))


def emptied(url):
    engine = create_engine(url)
    Base.metadata.drop_all(engine)
    engine.dispose()
    return url
