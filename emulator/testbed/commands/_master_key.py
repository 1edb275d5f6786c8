"""Where the master key of a database lies, for every command that needs it: named, beside the database, or in the
environment."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from settop.errors import LocalError

if TYPE_CHECKING:
    from headend.accounts.master_key import MasterKey
    from sqlalchemy import Engine


def key_file(db: str, named: Path | None) -> Path | None:
    """Where the master key lies: None for the environment. Raises LocalError where it must be named."""
    from headend.accounts.master_key import ENVIRONMENT

    if named is None and os.environ.get(ENVIRONMENT):
        return None
    if named is None and "://" in db:
        raise LocalError(f"with a database URL, name the master key: --master-key FILE or {ENVIRONMENT}")
    return Path(f"{db}.master-key").expanduser() if named is None else named


def open_master_key(engine: "Engine", db: str, named: Path | None) -> "MasterKey":
    """The key that seals the device keys of `db`; a file is made where there is none yet and none is needed.

    Raises LocalError where it is missing or must be named.
    """
    from headend.accounts.master_key import create_master_key, load_master_key
    from headend.accounts.terminals import has_master_key

    path = key_file(db, named)
    if path is None or path.exists():
        return load_master_key(path)
    if has_master_key(engine):
        raise LocalError(f"{path} is missing and the database needs it: restore it, or name it with --master-key")
    made = create_master_key(path)
    typer.echo(f"new master key in {path}: keep a copy of it apart from the database", err=True)
    return made
