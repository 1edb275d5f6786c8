"""The shop's transactions about portable players (headend.shop.household): a part of headend.shop.core.Shop.

Raises as that does.
"""

from sqlalchemy import Engine

from headend.accounts.engine import transaction
from headend.accounts.terminals import DeviceKeys
from headend.shop import household, terminals, throttle


class Players:
    """`engine`, `_device_keys`: of the shop that has these."""

    engine: Engine
    _device_keys: DeviceKeys

    def join_player(self, user_id: int, player_id: bytes, now_ms: int) -> bool:
        """The player is of the user's household; False: was already. So many are asked for in an hour."""
        with transaction(self.engine) as connection:
            throttle.count_asked(connection, throttle.subject(throttle.PLAYER, b"%d" % user_id), now_ms)
        with transaction(self.engine) as connection:
            return household.join(connection, user_id, player_id, now_ms)

    def leave_player(self, user_id: int, player_id: bytes, now_ms: int) -> bool:
        """The player has left it, and loses its keys at the next contact; False: was no member."""
        with transaction(self.engine) as connection:
            return household.leave(connection, user_id, player_id, now_ms)

    def players_of(self, user_id: int) -> list[household.Player]:
        """Members, then those that have left."""
        with transaction(self.engine) as connection:
            return household.players_of(connection, user_id)

    def set_most_players(self, user_id: int, most: int) -> None:
        """How many members the user's household may have."""
        with transaction(self.engine) as connection:
            household.set_most(connection, user_id, most)

    def household_list(self, user_id: int, terminal_id: bytes) -> bytes:
        """The list for a terminal of this user; see headend.shop.household."""
        self._device_keys.check()
        with transaction(self.engine) as connection:
            return household.list_for(connection, self._device_keys, user_id, terminal_id)

    def terminal_of(self, client_id: bytes) -> bytes:
        """Which terminal a client is. Raises Refused where it is not known."""
        with transaction(self.engine) as connection:
            return terminals.terminal_of(connection, client_id)

    def newer_list(self, client_id: bytes, user_id: int, serial: int) -> bytes:
        """The household's list for a client's terminal, which has the one of this serial; nothing where that is it."""
        self._device_keys.check()
        with transaction(self.engine) as connection:
            return terminals.newer_list(connection, self._device_keys, client_id, user_id, serial)

    def list_due(self, client_id: bytes) -> bool:
        """Whether the client's terminal should ask for its household's list."""
        with transaction(self.engine) as connection:
            return terminals.is_due(connection, client_id)
