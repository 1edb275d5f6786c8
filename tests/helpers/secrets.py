"""Everything secret in a bench run of one seed, and a search for it in whatever the run showed."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from headend.ts.keys import control_word
from testbed.scenario.seeded import seeded


def secrets_of(seed: int, portions: int = 40, terminals: Iterable[str] = ("T1", "T2", "T3")) -> Iterator[bytes]:
    """Programme secret, control words, master key, device keys and lock seeds of a run with this seed."""
    secret, broadcast_id = seeded(seed, "programme secret")(32), seeded(seed, "broadcast id")(8)
    yield secret
    yield seeded(seed, "master key")(32)
    for portion in range(portions):
        yield control_word(secret, 1, broadcast_id, portion)
    yield seeded(seed, "head-end key")(32)
    names = list(terminals)
    for name in names:
        yield seeded(seed, f"terminal {name}")(32)
    for count in range(1, len(names) + 1):  # in a run of so many terminals
        provisioning = seeded(seed, "provisioning")
        for _ in range(count):
            yield provisioning(32)  # the exchange's ephemeral key
        for _ in range(count):
            provisioning(8)  # its id
            yield provisioning(32)  # its device key
            yield provisioning(32)  # the host's share of the lock key


def assert_shows_none(seed: int, *shown: str | bytes) -> None:
    """Neither as bytes nor in hex, whole or in half, does `shown` contain a secret."""
    texts = [text.encode() if isinstance(text, str) else text for text in shown]
    for secret in secrets_of(seed):
        for half in (secret[: len(secret) // 2], secret[len(secret) // 2 :]):
            for form in (half, half.hex().encode(), half.hex().upper().encode(), repr(half)[2:-1].encode()):
                assert not any(form in text for text in texts), "a secret is shown"


def texts_in(folder: Path) -> list[bytes]:
    """What a run wrote for people: reports and JSON."""
    return [path.read_bytes() for path in sorted(folder.rglob("*")) if path.suffix in (".html", ".json")]
