"""Randomness of a run from its one seed. For the bench only: whoever knows the seed knows every key."""

import hashlib
from collections.abc import Callable


def seeded(seed: int, purpose: str) -> Callable[[int], bytes]:
    """A generator `random(n)` of its own for each purpose: SHA-256 in counter mode over (seed, purpose)."""
    key = hashlib.sha256(f"ringcast bench {seed} {purpose}".encode()).digest()
    counter = 0

    def random(count: int) -> bytes:
        nonlocal counter
        counter += 1
        return hashlib.shake_256(key + counter.to_bytes(8, "big")).digest(count)

    return random
