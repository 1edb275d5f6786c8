"""A new identity, registered at the call centre, and what a board is to have of it."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from settop.errors import LocalError
from settop.keystore.identity import Identity, pack_identity
from settop.wire.call import NO_TOKEN
from settop.wire.ids import DEVICE_KEY_BYTES, TERMINAL_ID_BYTES
from settop.wire.provision import HOST_RANDOM_BYTES, number_fault, pack_content
from sqlalchemy import Connection, Engine, select

from headend.accounts.engine import transaction
from headend.accounts.master_key import MasterKey
from headend.accounts.models import Terminal
from headend.accounts.terminals import DeviceKeys, SealedKey
from headend.callcentre.models import Alarm, Subscriber
from headend.callcentre.subscribers import add_subscriber
from headend.callcentre.tokens import CLONE

Random = Callable[[int], bytes]
TOKEN_VERSION = b"\x01"
"""Of the record "token" of the call."""


@dataclass(frozen=True)
class NewTerminal:
    """An identity that has just been registered. The device key is kept here until the board has it, then nowhere."""

    subscriber_id: int
    terminal_id: bytes
    number: str
    device_key: bytes = field(repr=False)

    def content(self, random: Random = secrets.token_bytes) -> bytes:
        """What is sealed for the board (settop.wire.provision): the identity, and what the call keeps
        (settop.services.call.kept): its number, and a token that says that there was none. A record that is there costs
        the board less memory and fewer counts when the first token comes."""
        record = pack_identity(Identity(self.terminal_id, self.device_key))
        records = [
            ("call", "number", self.number.encode()),
            ("call", "token", TOKEN_VERSION + self.terminal_id + NO_TOKEN),
        ]
        return bytes(pack_content(random(HOST_RANDOM_BYTES), record, records))


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
    check_number(number)
    terminal_id, device_key = random(TERMINAL_ID_BYTES), random(DEVICE_KEY_BYTES)
    subscriber = add_subscriber(engine, master_key, terminal_id, device_key, tariff, programmes, credit)
    return NewTerminal(subscriber, terminal_id, number, device_key)


def known_device_key(engine: Engine, master_key: MasterKey, terminal_id: bytes) -> bytes | None:
    """The device key of a terminal of this database, by which it can be given another identity.

    None for a stranger, and for one that was revoked or of which a copy was found: who has the copy has the key.
    Raises LocalError for another master key.
    """
    keys = DeviceKeys(engine, master_key)
    keys.check()
    with transaction(engine) as connection:
        look = select(Terminal.key_version, Terminal.sealed_key).where(Terminal.terminal_id == terminal_id)
        row = connection.execute(look).one_or_none() if _is_its_own(connection, terminal_id) else None
    return keys.open(terminal_id, None if row is None else SealedKey(row.key_version, row.sealed_key))


def _is_its_own(connection: Connection, terminal_id: bytes) -> bool:
    """Whether nobody else is known to have this terminal's device key."""
    copied = select(Alarm.alarm_id).where(Alarm.subscriber_id == Subscriber.subscriber_id, Alarm.kind == CLONE)
    look = select(Subscriber.subscriber_id).where(
        Subscriber.terminal_id == terminal_id, (Subscriber.revoked_ms.is_not(None)) | copied.exists()
    )
    return connection.scalar(look.limit(1)) is None


def check_number(number: str) -> None:
    """Raises LocalError for a telephone number that no board would take."""
    if fault := number_fault(number.encode()):
        raise LocalError(fault)
