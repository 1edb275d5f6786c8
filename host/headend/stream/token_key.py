"""The key of tokens, drawn once for a database and sealed in it under the master key, as the shop's own secrets are.

A token lies nowhere: who has this key makes the same octets again from a token's record, and tells a good one from any
other. So every server of the same titles opens the same database, and `centre rotate-key` seals this one anew too.
"""

import secrets

from sqlalchemy import Engine

from headend.accounts.vault import Vault, shared_secret
from headend.stream.tokens import KEY_BYTES, Tokens

_PARTS = ((b"stream token siv", 64), (b"stream token mac", 32))
"""Ids of the secrets that it is in, as one is too short for it, and their octets."""
assert sum(count for _, count in _PARTS) == KEY_BYTES


def tokens_of(engine: Engine, vault: Vault) -> Tokens:
    """What makes and judges the tokens of this database. Raises LedgerError."""
    parts = [shared_secret(engine, vault, name, secrets.token_bytes(count)) for name, count in _PARTS]
    return Tokens(b"".join(parts))
