"""A real PostgreSQL server for tests, started for them and thrown away."""

import importlib.util
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine


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


@contextmanager
def serving():
    """A PostgreSQL server of one's own; its URL. Without its programs the test is skipped, or fails under CI=true."""
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


def emptied(url):
    """The URL, behind which nothing is any more."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    engine.dispose()
    return url
