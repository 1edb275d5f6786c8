"""A title for its buyer: packed from the clear original under the key of the purchase when it is asked for.

The same purchase gives the same octets each time, so that a download goes on where it was cut, also after the copy that
was made for it has gone: IVs come from the key and the original's digest. That digest is looked at first, since another
original under the same IVs would give both away.
"""

import hashlib
import hmac
import os
import secrets
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from settop.errors import LocalError, RemoteError
from sqlalchemy import Engine, select

from headend.accounts.engine import transaction
from headend.files import together
from headend.shop.buying import Bought
from headend.shop.catalogue import EXTRA_LIMIT
from headend.shop.models import Title
from headend.shop.refusals import is_text
from headend.titles.boxes import File
from headend.titles.extras import read_extras
from headend.titles.opening import find_movie
from headend.titles.output import FileOutput
from headend.titles.packer import Packed, lock_of, pack
from headend.titles.protection import CENC

_IV_CONTEXT = b"ringcast shop iv"
SOURCE = ".source"
_MADE_AT_ONCE = 16
ROOM = 4 << 30
"""Octets of copies that are kept, unless something else is said."""


@dataclass(frozen=True)
class Original:
    """A clear title on the shelf: its file's name there, SHA-256, and what it brings beside its sound."""

    file: str
    digest: bytes
    extras: Mapping[str, bytes]

    def texts(self) -> dict[str, str]:
        """The extras that a catalogue can show."""
        found = {}
        for name, value in self.extras.items():
            text = value.decode("utf-8", "replace")
            if text.encode() == value and len(text) <= EXTRA_LIMIT and is_text(text):
                found[name] = text
        return found


class Shelf:
    """The shop's folder: originals, and in `copies` what was packed of late, at most `room` octets and the last one."""

    def __init__(self, folder: Path, room: int = ROOM) -> None:
        self.folder = self._folder = folder
        self._copies = folder / "copies"
        self._room = room
        self._making = [threading.Lock() for _ in range(_MADE_AT_ONCE)]

    @contextmanager
    def making(self, target: Path) -> Iterator[None]:
        """Of a process's threads that want the same file, one makes it, and the others find it."""
        with self._making[hash(target.name) % _MADE_AT_ONCE]:
            yield

    def add(self, source: Path, extras: Mapping[str, bytes]) -> Original:
        """Takes in any file that FFmpeg reads, as a clear title. Raises LocalError, RemoteError, OSError.

        Where FFmpeg would not find in the title what went into it (ADPCM), copies are packed from the file itself.
        """
        self._copies.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = f"{secrets.token_hex(16)}.mp4"
        with together() as files:
            pack(source, FileOutput(files.open(self._folder / name, 0o600)), None, extras)
        with File(self._folder / name) as file:
            found = read_extras(find_movie(file))
        kept = name
        if _is_transcoded(pack(self._folder / name, _Nowhere(), None)):
            kept = name.removesuffix(".mp4") + SOURCE
            with together() as files, source.open("rb") as whole:
                shutil.copyfileobj(whole, files.open(self._folder / kept, 0o600), 1 << 20)
        return Original(kept, _digest(self._folder / kept), found)

    def forget(self, original: Original) -> None:
        """Takes away what was added and then not wanted."""
        for end in (".mp4", SOURCE):
            (self._folder / original.file).with_suffix(end).unlink(missing_ok=True)

    def copy_of(self, engine: Engine, bought: Bought, purchaser: int) -> Path:
        """The buyer's file; it may go when others are made: open it at once. Raises LocalError, OSError."""
        target = self._copies / f"{bought.kid.hex()}-{bought.title}-{purchaser}.mp4"
        with self.making(target):
            try:
                os.utime(target)
            except FileNotFoundError:
                self._pack(engine, bought, purchaser, target)
        return target

    def _pack(self, engine: Engine, bought: Bought, purchaser: int, target: Path) -> None:
        with transaction(engine) as connection:
            look = select(Title.file, Title.digest).where(Title.title_id == bought.title)
            title = connection.execute(look).one()
        original = self._folder / title.file
        if not original.is_file() or _digest(original) != title.digest:
            raise LocalError(f"the original of title {bought.title} has gone or was changed: restore {title.file}")
        with File(original.with_suffix(".mp4")) as file:
            extras = read_extras(find_movie(file))
        lock = lock_of(CENC, bought.key, bought.kid, None)
        octets = _Octets(bought.key, title.digest)
        try:
            with together() as files:
                output = FileOutput(files.open(target, 0o600))
                if _is_transcoded(pack(original, output, lock, extras, purchaser, random=octets)):
                    raise RemoteError("this FFmpeg would transcode it")  # other octets under the same IVs
        except RemoteError as error:
            raise LocalError(f"the original of title {bought.title} cannot be packed: {error}") from None
        self._tidy(target)

    def _tidy(self, newest: Path) -> None:
        """The copies that were asked for last stay, as far as there is room."""
        there = []
        for path in self._copies.glob("*.mp4"):
            try:
                found = path.stat()
            except FileNotFoundError:
                continue  # another process tidies up
            there.append((path == newest, found.st_mtime_ns, found.st_size, path))
        left = self._room
        for is_newest, _, size, path in sorted(there, reverse=True):
            left -= size
            if left < 0 and not is_newest:
                path.unlink(missing_ok=True)


class _Octets:
    """Octets that look drawn, the same for the same key and original: HMAC-SHA256 of counters."""

    def __init__(self, key: bytes, digest: bytes) -> None:
        self._key = key
        self._digest = digest
        self._count = 0

    def __call__(self, size: int) -> bytes:
        self._count += 1
        seed = _IV_CONTEXT + self._digest + self._count.to_bytes(8, "big")
        return hmac.digest(self._key, seed, "sha256")[:size]


class _Nowhere:
    """An Output that keeps nothing."""

    def write(self, data: bytes | bytearray) -> None: ...

    def rewrite(self, at: int, data: bytes) -> None: ...


def _is_transcoded(done: Packed) -> bool:
    return any(was != became for was, became in done.remuxed.tracks)


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
