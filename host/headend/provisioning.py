"""Provisioning at the head-end: a new identity, registered at the call centre, and wrapped for a board."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from Crypto.Cipher import AES
from Crypto.Hash import SHA256
from Crypto.Protocol.KDF import HKDF
from settop.errors import LocalError
from settop.keystore.identity import Identity, pack_identity
from settop.wire.ids import DEVICE_KEY_BYTES, TERMINAL_ID_BYTES
from settop.wire.provision import (
    HOST_RANDOM_BYTES,
    KEK_BYTES,
    PUBLIC_KEY_BYTES,
    kek_info,
    number_fault,
    pack_blob,
    pack_set,
)
from sqlalchemy import Engine

from headend.accounts.master_key import MasterKey
from headend.callcentre.subscribers import add_subscriber
from headend.crypto.x25519 import x25519_answer

Random = Callable[[int], bytes]


@dataclass(frozen=True)
class NewTerminal:
    """An identity that has just been registered. The device key is kept here until the board has it, then nowhere."""

    subscriber_id: int
    terminal_id: bytes
    number: str
    device_key: bytes = field(repr=False)


def issue(
    engine: Engine,
    master_key: MasterKey,
    number: str,
    tariff: str,
    programmes: list[int] | None = None,
    credit: int | None = None,
    random: Random = secrets.token_bytes,
) -> NewTerminal:
    """Draw a terminal id and a device key and register them. Raises LocalError for an impossible number or tariff."""
    terminal_id, device_key = random(TERMINAL_ID_BYTES), random(DEVICE_KEY_BYTES)
    if fault := number_fault(number.encode()):
        raise LocalError(fault)
    subscriber = add_subscriber(engine, master_key, terminal_id, device_key, tariff, programmes, credit)
    return NewTerminal(subscriber, terminal_id, number, device_key)


def wrap_for(board_public: bytes, terminal: NewTerminal, random: Random = secrets.token_bytes) -> tuple[bytes, bytes]:
    """(host's public key, wrapped blob) for a board that showed `board_public` (32 bytes).

    See settop.wire.provision for the format. Raises LocalError for another length, RemoteError for a useless key.
    """
    if len(board_public) != PUBLIC_KEY_BYTES:
        raise LocalError(f"board's public key of {len(board_public)} bytes, expected {PUBLIC_KEY_BYTES}")
    host_public, shared = x25519_answer(random(32), board_public)
    kek = HKDF(shared, KEK_BYTES, b"", SHA256, context=kek_info(board_public, host_public))
    assert isinstance(kek, bytes)
    record = pack_identity(Identity(terminal.terminal_id, terminal.device_key))
    return host_public, AES.new(kek, AES.MODE_KW).seal(
        bytes(pack_blob(random(HOST_RANDOM_BYTES), record + terminal.number.encode()))
    )


def provisioning_line(board_public: bytes, terminal: NewTerminal, random: Random = secrets.token_bytes) -> str:
    """The console line that answers a board's `provision-key`."""
    host_public, blob = wrap_for(board_public, terminal, random)
    line: str = pack_set(host_public, blob)
    return line
