"""Provisioning at the head-end: new identities, the head-end's static key, and the exchange with a board."""

from headend.provisioning.exchange import BoardKey, Exchange, read_board_key
from headend.provisioning.headend_key import HeadendKey
from headend.provisioning.identities import NewTerminal, issue, known_device_key

__all__ = ["BoardKey", "Exchange", "HeadendKey", "NewTerminal", "issue", "known_device_key", "read_board_key"]
