"""Adversaries who have octets and search them: of the network, of copies, of the dock's cable, of a stolen database, of
a flash that was read out. What they search for is had from whoever may have it: the database opened by its master key,
keystores opened by the devices' own locks. There the same search finds all of it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from headend.accounts.engine import transaction
from headend.accounts.models import Base, SealedSecret, Terminal
from headend.accounts.terminals import DeviceKeys, SealedKey
from headend.accounts.vault import Vault
from settop.errors import RemoteError
from sqlalchemy import select

from testbed.machines.base import Machine
from testbed.machines.cpython import use_shims
from testbed.machines.cpython_parts import Files, Flash
from testbed.systems.shop.flash import KEYSTORE, Stored, device_id, taken
from testbed.systems.shop.scene import NOTHING, Scene

WINDOW = 8
"""Octets of a secret that give it away."""
PIECE = 16
"""Octets of a clear frame that give it away."""


@dataclass(frozen=True)
class Secret:
    """`kind`: what it is, in words."""

    kind: str
    octets: bytes = field(repr=False)


@dataclass
class Known:
    """What there is to be searched for, and the plaintexts in which it lies."""

    secrets: dict[bytes, Secret] = field(default_factory=dict)
    plain: list[bytes] = field(default_factory=list, repr=False)

    def add(self, kind: str, *octets: bytes) -> None:
        """Secrets of one kind; the same one again is none more."""
        for one in octets:
            self.secrets.setdefault(bytes(one), Secret(kind, bytes(one)))


def found_in(secrets: Iterable[Secret], octets: bytes) -> list[Secret]:
    """Those of which WINDOW octets in a row lie there, as they are or in hex."""
    text = octets.lower()
    return [
        one
        for one in secrets
        if any(
            part in octets or part.hex().encode() in text
            for part in (one.octets[at : at + WINDOW] for at in range(len(one.octets) - WINDOW + 1))
        )
    ]


def search(scene: Scene, known: Known, who: str, octets: bytes) -> None:
    """A row: which of the secrets lie in these octets."""
    secrets = list(known.secrets.values())
    kinds = sorted({one.kind for one in found_in(secrets, octets)})
    there = len(found_in(secrets, b"\0".join(known.plain)))
    what = ", ".join(dict.fromkeys(one.kind for one in secrets))
    control = f"in the opened database and keystores: {there} of {len(secrets)}"
    got = ", ".join(kinds) or NOTHING
    scene.tried(who, f"one of {what}", len(secrets) * bool(octets), got, control, there == len(secrets))


def search_clear(scene: Scene, who: str, octets: bytes) -> None:
    """A row: whether a piece of the clear song lies in these octets."""
    clear = scene.source.read_bytes()
    pieces = [clear[at : at + PIECE] for at in range(400, len(clear) - PIECE, 160)]
    found = sum(piece in octets for piece in pieces)
    there = sum(piece in clear for piece in pieces)
    got = f"{found} pieces" if found else NOTHING
    control = f"in the clear song: {there} of {len(pieces)}"
    scene.tried(who, f"{PIECE} octets of a clear frame", len(pieces) * bool(octets), got, control, there == len(pieces))


def database(scene: Scene) -> tuple[bytes, bytes]:
    """All that lies in the database's rows, and what is sealed there, opened by its master key."""
    engine, master_key = scene.shop.engine, scene.bench.master_key
    vault, device_keys = Vault(engine, master_key), DeviceKeys(engine, master_key)
    device_keys.check()
    rows, opened = [], []
    with transaction(engine) as connection:
        for table in Base.metadata.sorted_tables:
            for row in connection.execute(select(table)):
                rows += [value if isinstance(value, bytes) else str(value).encode() for value in row]
        for one in connection.execute(select(SealedSecret.secret_id, SealedSecret.sealed, SealedSecret.key_version)):
            opened.append(vault.open(connection, *one))
        terminals = connection.execute(select(Terminal.terminal_id, Terminal.sealed_key, Terminal.key_version)).all()
    for terminal_id, sealed, version in terminals:
        opened.append(device_keys.open(terminal_id, SealedKey(version, sealed)) or b"")
    return b"\0".join(rows), b"\0".join(opened)


def learn_database(scene: Scene, known: Known) -> None:
    """What the shop holds of this user now: title's and communication keys."""
    shop = scene.shop
    known.plain.append(database(scene)[1])
    known.add("title's key", *(one.key for one in shop.restore(scene.user)))
    keys = [one.key for client in shop.clients_of(scene.user) for one in shop.client_keys(client)]
    known.add("communication keys", *keys)


def learn_device(known: Known, machine: Machine) -> None:
    """What this terminal or player holds now. RemoteError: its keystore does not open by its own lock."""
    use_shims()
    from settop.services.dock.household import Households
    from settop.services.player.copies import Copy, key_of

    keystore, stems = _opened(taken(machine), device_id(machine))
    for stem in stems:
        data = keystore.load(stem)
        if data is None:
            continue
        plain = bytes(data)
        known.plain.append(plain)
        if stem.startswith("player-"):
            copy = Copy(bytes.fromhex(stem.removeprefix("player-")), plain)
            own = bytes(key_of(copy, copy.kid))
            known.add("copies' keys", bytes(copy.key), own)
            known.plain.append(own)  # a player works it out
    from settop.keystore.identity import SERVICE, load_identity
    from settop.keystore.keystore import Records

    identity = load_identity(Records(keystore, SERVICE))
    known.add("device keys", bytes(identity.device_key))
    found = Households(Records(keystore, "dock"), identity).load() if "dock-household" in stems else None
    if found is not None:
        pairs = [bytes(found[2].key(number)) for number in range(found[2].count)]
        known.add("pairs' keys", *pairs)
        known.plain.append(b"\0".join(pairs))


def _opened(stored: Stored, unique_id: bytes) -> tuple[Any, list[str]]:
    """settop's own keystore over what was taken out, and the names of its records."""
    use_shims()
    from settop.keystore.blocks import Counter, Locks
    from settop.keystore.boot import read_list
    from settop.keystore.keystore import Keystore
    from settop.keystore.listing import LIST

    flash = Flash(bytearray(stored.vault))
    locks, counter = Locks(flash, (0, 1)), Counter(flash, (2, 3))
    board = SimpleNamespace(
        STORAGE=KEYSTORE,
        FILES=Files(dict(stored.files)),
        load_locks=locks.load,
        unique_id=lambda: unique_id,
        counter=counter.value,
        count=counter.count,
    )
    keystore = Keystore(board)
    read_list(keystore)
    if keystore.refusal:
        raise RemoteError(keystore.refusal)
    stems = {path.rpartition("/")[2].rpartition(".")[0] for path in stored.under(KEYSTORE)}
    return keystore, sorted(stems - {LIST})
