"""A certificate authority of one's own, for a service that nobody else vouches for: made at the first start.

Its certificate goes to whoever is to believe the service: `authority.der`, as a terminal keeps it, or `authority.pem`.
It signs for this service's names alone, what `server_files` makes anew at each start.
"""

import fcntl
import os
import secrets
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from Crypto.Hash import SHA256
from Crypto.PublicKey import ECC
from settop.errors import LocalError

from headend.crypto.certificates import Identity, certificate
from headend.files import together

AUTHORITY, AUTHORITY_PEM, AUTHORITY_KEY, SERVER = "authority.der", "authority.pem", "authority.key", "server.pem"
WHO = "ringcast authority"
NAMES_LIMIT, NAME_LIMIT = 20, 64
_DAY_S = 86_400
AUTHORITY_DAYS = 20 * 365
SERVER_DAYS = 397
"""As long as browsers take it."""


@dataclass(frozen=True)
class Certified:
    """Files of a folder. `server`: certificate and key, PEM; `fingerprint`: SHA-256 of the authority's, in hex."""

    authority: Path
    server: Path
    fingerprint: str


def server_files(folder: Path, names: Sequence[str], now_s: int) -> Certified:
    """A certificate for a server of these names or addresses, of the folder's authority, which is made where there is
    none yet.

    Raises LocalError for what is no name, and for an authority that is not whole; OSError.
    """
    for name in names:
        _check(name)
    if not 1 <= len(names) <= NAMES_LIMIT:
        raise LocalError(f"a server has 1 to {NAMES_LIMIT} names")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(folder):
        issuer = _authority(folder, now_s)
        made = certificate(
            names[0], now_s - _DAY_S, now_s + SERVER_DAYS * _DAY_S, tuple(names), issuer, False, _serial(), True
        )
        with together() as files:
            files.open(folder / SERVER, 0o600).write(made.pem().encode())
    return Certified(folder / AUTHORITY, folder / SERVER, SHA256.new(issuer.der).hexdigest())


def _authority(folder: Path, now_s: int) -> Identity:
    public, private = folder / AUTHORITY, folder / AUTHORITY_KEY
    if public.exists() and private.exists():
        try:
            key = ECC.import_key(private.read_text(encoding="ascii"))
        except (ValueError, IndexError):
            raise LocalError(
                f"{private} is no key: restore it, or take the folder away for another authority"
            ) from None
        return Identity(public.read_bytes(), key, WHO)
    if public.exists() or private.exists():
        raise LocalError(f"{folder} has half an authority: restore {public.name} and {private.name}, or take both away")
    last_s = now_s + AUTHORITY_DAYS * _DAY_S
    made = certificate(WHO, now_s - _DAY_S, last_s, authority=True, serial=_serial(), with_usages=True)
    with together() as files:
        files.open(private, 0o600).write(made.key.export_key(format="PEM").encode() + b"\n")
        files.open(folder / AUTHORITY_PEM, 0o644).write(ssl.DER_cert_to_PEM_cert(made.der).encode())
        files.open(public, 0o644).write(made.der)
    return made


def _serial() -> int:
    return secrets.randbits(127) | 1 << 126


def _check(name: str) -> None:
    try:
        ip_address(name)
    except ValueError:
        plain = name.isascii() and name.replace("-", "a").replace(".", "a").isalnum()
        if not plain or not 1 <= len(name) <= NAME_LIMIT or not name.strip("0123456789."):
            raise LocalError(f"{name[:NAME_LIMIT]!r} is no name or address of a server") from None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Of two that start at once, one makes the authority and the other finds it."""
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
