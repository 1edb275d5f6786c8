"""The transaction server: beside a shop, it sells tokens to the shop's users. Each method is one transaction.

Raises headend.shop.refusals.Refused for what the user or the rules do not allow, LedgerError where the database fails:
nothing is known to be charged then. Several processes may serve one database. `now_ms`: Unix ms.
"""

import shlex
from dataclasses import dataclass, field

from headend.accounts.engine import transaction
from headend.shop import users
from headend.shop.core import Shop
from headend.shop.refusals import NO_LIMIT, NO_STREAM, NUMBER_LIMIT, Refused, checked_number
from headend.stream import catalogue
from headend.stream.catalogue import Stream
from headend.stream.sales import buying
from headend.stream.sales.buying import Granted
from headend.stream.token_key import tokens_of


@dataclass(frozen=True)
class Ticket:
    """What the viewer is given: the record of a token, whose it is, and its text, of which only a server can tell
    whether it is good. The record's end is for showing: the viewer never sends it.
    """

    granted: Granted
    user: str
    token: str = field(repr=False)

    def command(self) -> str:
        """What starts a viewer with it, for a shell."""
        words = ("./ringcast", "stream", "play", self.granted.uri, "--user", self.user, "--token", self.token)
        return shlex.join(words)


class TransactionServer:
    """Over a shop, whose users and ledger it has."""

    def __init__(self, shop: Shop) -> None:
        self.engine = shop.engine
        self.tokens = tokens_of(shop.engine, shop.vault)

    def streams(self, after: int = 0) -> list[Stream]:
        """What is sold, by number; those behind the one of number `after`, a page of them."""
        with transaction(self.engine) as connection:
            return catalogue.streams(connection, min(max(after, 0), NUMBER_LIMIT))

    def stream(self, number: int) -> Stream:
        """One title with its time limits. Raises Refused where none of that number is sold."""
        with transaction(self.engine) as connection:
            found = catalogue.stream(connection, checked_number(number, NO_STREAM))
        if found is None:
            raise Refused(NO_STREAM)
        return found

    def buy(self, user_id: int, stream: int, limit: int, now_ms: int, price: int | None = None) -> tuple[Ticket, bool]:
        """The token, and whether it was bought just now; see headend.stream.sales.buying."""
        checked_number(stream, NO_STREAM)
        checked_number(limit, NO_LIMIT)
        with transaction(self.engine) as connection:
            made, is_new = buying.buy(connection, user_id, stream, limit, now_ms, price)
            return self._ticket(made, users.login(connection, user_id)), is_new

    def purchased(self, user_id: int, now_ms: int) -> list[Ticket]:
        """The user's tokens that are good, in the order of purchase. Costs nothing."""
        with transaction(self.engine) as connection:
            login = users.login(connection, user_id)
            return [self._ticket(one, login) for one in buying.granted(connection, user_id, now_ms)]

    def _ticket(self, granted: Granted, user: str) -> Ticket:
        return Ticket(granted, user, self.tokens.issue(granted.name, user, granted.expires_ms, granted.number))
