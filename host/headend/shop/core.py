"""The shop: each method is one transaction, committed when it returns, or nothing of it where it raises.

Raises headend.shop.refusals.Refused for what the user or the rules do not allow, LedgerError where the database fails:
nothing is known to be charged then. Several processes may serve one database. `now_ms`: Unix ms.
"""

import secrets
from collections.abc import Callable, Collection

from sqlalchemy import Connection, Engine

from headend.accounts.engine import transaction
from headend.accounts.master_key import MasterKey
from headend.accounts.money import credit_left
from headend.accounts.terminals import DeviceKeys
from headend.accounts.vault import Vault, shared_secret
from headend.shop import (
    buying,
    cards,
    catalogue,
    clients,
    codecs,
    groups,
    household,
    ledger,
    orders,
    rentals,
    sessions,
    terminals,
    throttle,
    users,
)
from headend.shop.card_number import read_number
from headend.shop.passwords import Passwords
from headend.shop.refusals import (
    LOGIN,
    LOGIN_TAKEN,
    NO_GROUP,
    NO_OFFER,
    NO_RIGHT,
    NO_TITLE,
    NOT_SIGNED_IN,
    NUMBER_LIMIT,
    Refused,
    checked_number,
)
from headend.shop.rentals import RentalOffer, Term


class Shop:
    """Over an engine of headend.accounts. Raises LocalError for a master key that is not the database's."""

    def __init__(self, engine: Engine, master_key: MasterKey, passwords: Passwords | None = None) -> None:
        self.engine = engine
        self._vault = Vault(engine, master_key)
        self._device_keys = DeviceKeys(engine, master_key)
        self._passwords = passwords or Passwords()
        self._card_key = shared_secret(engine, self._vault, cards.DIGEST_KEY_ID, secrets.token_bytes(32))

    @property
    def vault(self) -> Vault:
        """Where its secrets lie, for what keeps its own beside them."""
        return self._vault

    # --- clients and users --------------------------------------------------------------------------------

    def register_client(
        self, now_ms: int, key: bytes | None = None, terminal_id: bytes | None = None
    ) -> clients.ClientKey:
        """A new client's id and communication key: `key`, or one that is drawn. With the terminal that it is."""
        with transaction(self.engine) as connection:
            made = clients.register(connection, self._vault, now_ms, key)
            if terminal_id is not None:
                terminals.note(connection, made.client_id, terminal_id)
        return made

    def client_keys(self, client_id: bytes) -> list[clients.ClientKey]:
        """Keys that open a channel with this client: one, or two while it is renewed; none for an unknown one."""
        with transaction(self.engine) as connection:
            return clients.keys_of(connection, self._vault, client_id)

    def client_used(self, key: clients.ClientKey, now_ms: int) -> bool:
        """The client has shown this key; whether the channel may stay. The first use of a renewed one ends the old."""
        with transaction(self.engine) as connection:
            return clients.used(connection, self._vault, key.client_id, key.number, now_ms)

    def renewal_due(self, client_id: bytes, now_ms: int) -> bool:
        """Whether the client should ask for another key."""
        with transaction(self.engine) as connection:
            return clients.is_due(connection, client_id, now_ms)

    def renew_client(self, client_id: bytes, key: bytes | None = None) -> clients.ClientKey:
        """The client's next key: `key`, or the same one until it is used."""
        with transaction(self.engine) as connection:
            return clients.renew(connection, self._vault, client_id, key)

    def register_user(
        self, login: str, password: str, now_ms: int, client_id: bytes | None = None, address: str | None = None
    ) -> int:
        """A new account; its user's id. With a client, who signs in on it and gets what was redeemed there; who asks
        again there, as the answer was lost, is signed in. Of one client, or from one `address`, so many are made in an
        hour (headend.shop.throttle).
        """
        name = users.login_of(login)
        users.check_password(password)
        place = client_id if client_id is not None else address and throttle.place_of(address)
        if place:
            with transaction(self.engine) as connection:
                throttle.count_asked(connection, throttle.subject(throttle.ACCOUNT, place), now_ms)
        digest = self._passwords.digest(password)
        try:
            with transaction(self.engine) as connection:
                user_id = users.add_user(connection, name, digest, now_ms)
                if client_id is not None:
                    self._attach(connection, client_id, user_id, now_ms)
        except Refused as taken:
            if taken.code != LOGIN_TAKEN or client_id is None:
                raise
            with transaction(self.engine) as connection:
                if not users.is_on(connection, name, client_id):
                    raise
            try:
                return self.sign_in(login, password, now_ms, client_id)  # tried as any other password
            except Refused as wrong:
                raise taken if wrong.code == LOGIN else wrong from None
        return user_id

    def sign_in(self, login: str, password: str, now_ms: int, client_id: bytes | None = None) -> int:
        """The user's id. An unknown login and a wrong password are the same refusal after the same work, and both are
        slowed down by the login that was typed.
        """
        try:
            name = users.login_of(login)
            users.check_password(password)
        except Refused:
            raise Refused(LOGIN) from None
        who = throttle.subject(throttle.LOGIN, name.encode())
        with transaction(self.engine) as connection:
            throttle.count_try(connection, who, now_ms)
            found = users.find_login(connection, name)
        user_id, digest = found or (None, None)
        if not self._passwords.fits(digest, password) or user_id is None or digest is None:
            raise Refused(LOGIN)
        newer = self._passwords.digest(password) if self._passwords.outdated(digest) else None
        with transaction(self.engine) as connection:
            throttle.succeeded(connection, who)
            if newer is not None:
                users.set_password(connection, user_id, newer)
            if client_id is not None:
                self._attach(connection, client_id, user_id, now_ms)
        return user_id

    def sign_out(self, client_id: bytes) -> None:
        """Nobody has signed in on this client any more."""
        with transaction(self.engine) as connection:
            users.sign_out(connection, client_id)

    def begin_session(self, user_id: int, now_ms: int) -> str:
        """The token of a user who has just registered or signed in by HTTP; see headend.shop.sessions."""
        with transaction(self.engine) as connection:
            return sessions.begin(connection, user_id, now_ms)

    def session_user(self, token: str, now_ms: int) -> int:
        """Whose session it is. Raises Refused for one that is unknown or over."""
        with transaction(self.engine) as connection:
            return sessions.user_of(connection, token, now_ms)

    def end_session(self, token: str) -> None:
        """The session is over."""
        with transaction(self.engine) as connection:
            sessions.end(connection, token)

    def user_of(self, client_id: bytes) -> int:
        """Who has signed in on a client. Raises Refused where nobody has."""
        with transaction(self.engine) as connection:
            user_id = clients.user_of(connection, client_id)
        if user_id is None:
            raise Refused(NOT_SIGNED_IN)
        return user_id

    def clients_of(self, user_id: int) -> list[bytes]:
        """The ids of a user's clients."""
        with transaction(self.engine) as connection:
            return clients.clients_of(connection, user_id)

    def remove_client(self, user_id: int, client_id: bytes, now_ms: int) -> None:
        """A client that was lost counts as unknown from now on."""
        with transaction(self.engine) as connection:
            clients.remove(connection, client_id, user_id, now_ms)

    def _attach(self, connection: Connection, client_id: bytes, user_id: int, now_ms: int) -> None:
        ledger.locked_user(connection, user_id)
        users.attach(connection, client_id, user_id)
        cards.credit_claimed(connection, client_id, user_id, now_ms)

    # --- portable players -----------------------------------------------------------------------------------

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

    # --- units ----------------------------------------------------------------------------------------------

    def balance(self, user_id: int) -> int:
        """Units that the user has."""
        with transaction(self.engine) as connection:
            account_id = ledger.locked_user(connection, user_id).account_id
        return credit_left(self.engine, account_id) or 0

    def new_card(self, units: int, now_ms: int) -> str:
        """A new prepaid card's number. It is said this once."""
        with transaction(self.engine) as connection:
            return cards.new_card(connection, self._card_key, units, now_ms)

    def redeem(self, typed: str, now_ms: int, user_id: int) -> int:
        """Credits a card to a user; its units, also where he had it already. Guesses are slowed down by user."""
        number = read_number(typed)
        units = self._tried(
            f"user {user_id}", now_ms, lambda c: cards.redeem(c, self._card_key, number, user_id, now_ms)
        )
        assert units is not None
        return units

    def redeem_on(self, client_id: bytes, typed: str, now_ms: int) -> int:
        """Credits a card to who has signed in on a client, or keeps it for the first who will; its units."""
        number = read_number(typed)
        with transaction(self.engine) as connection:
            user_id = clients.user_of(connection, client_id)
        if user_id is None:
            who = f"client {client_id.hex()}"
            claimed = self._tried(who, now_ms, lambda c: cards.claim(c, self._card_key, number, client_id))
            if claimed is not None:
                return claimed
            user_id = self.user_of(client_id)  # has signed in meanwhile
        return self.redeem(typed, now_ms, user_id)

    def _tried(self, who: str, now_ms: int, attempt: Callable[[Connection], tuple[int, bool] | None]) -> int | None:
        """Counts a try at a card before it is made, in a transaction of its own: a refusal must not undo it. A card
        that was credited before takes no try back, or its owner would guess at others without end.
        """
        counted = throttle.subject(throttle.CARD, who.encode())
        with transaction(self.engine) as connection:
            throttle.count_try(connection, counted, now_ms)
        with transaction(self.engine) as connection:
            done = attempt(connection)
            if done is not None and done[1]:
                throttle.succeeded(connection, counted)
        return None if done is None else done[0]

    def order_units(self, user_id: int, units: int, now_ms: int) -> bytes:
        """An order's id, with which a seller can be paid."""
        with transaction(self.engine) as connection:
            return orders.new_order(connection, user_id, units, now_ms)

    def accept_notice(self, data: bytes, now_ms: int) -> tuple[int, bool]:
        """The transaction that a seller's notice led to, and whether just now."""
        with transaction(self.engine) as connection:
            return orders.accept(connection, data, now_ms)

    # --- titles ---------------------------------------------------------------------------------------------

    def directory(
        self, user_id: int | None = None, taste: str | None = None, words: str = "", after: int = 0, now_ms: int = 0
    ) -> list[catalogue.Offer]:
        """What is sold; see headend.shop.catalogue.directory."""
        with transaction(self.engine) as connection:
            return catalogue.directory(connection, user_id, taste, words, after, now_ms=now_ms)

    def browse(
        self, user_id: int | None, taste: str | None, words: str, after: int, now_ms: int
    ) -> tuple[list[catalogue.Offer], dict[int, list[RentalOffer]]]:
        """The directory, and by title for how long it is sold beside for good; nothing for those that are not."""
        with transaction(self.engine) as connection:
            found = catalogue.directory(connection, user_id, taste, words, after, now_ms=now_ms)
            return found, rentals.rentals_by_title(connection, [one.title for one in found], now_ms)

    def offer(self, title_id: int, user_id: int | None = None, now_ms: int = 0) -> catalogue.Offer:
        """One title as the directory shows it. Raises Refused where it is not sold, unless the user has bought it."""
        with transaction(self.engine) as connection:
            return catalogue.offer(connection, checked_number(title_id, NO_TITLE), user_id, now_ms)

    def rentals(self, title_id: int, now_ms: int) -> list[RentalOffer]:
        """For how long a title is sold beside for good, and at which prices."""
        with transaction(self.engine) as connection:
            return rentals.rentals_of(connection, checked_number(title_id, NO_TITLE), now_ms)

    def tastes(self, user_id: int | None = None) -> list[groups.Taste]:
        """The subscriptions there are."""
        with transaction(self.engine) as connection:
            return groups.tastes(connection, user_id)

    def join(self, user_id: int, group_id: int, now_ms: int, price: int | None = None) -> bool:
        """Subscribes, for the price that the user has seen; False: had already."""
        with transaction(self.engine) as connection:
            return groups.join(connection, user_id, checked_number(group_id, NO_GROUP), now_ms, price)

    def leave(self, user_id: int, group_id: int) -> bool:
        """Ends a subscription; False: there was none."""
        with transaction(self.engine) as connection:
            return groups.leave(connection, user_id, checked_number(group_id, NO_GROUP))

    def buy(
        self, user_id: int, title_id: int, now_ms: int, price: int | None = None, offer: int | None = None
    ) -> tuple[buying.Bought, bool]:
        """The purchase, and whether it was just now; see headend.shop.buying."""
        number = checked_number(title_id, NO_TITLE)
        if offer is not None:
            checked_number(offer, NO_OFFER)
        with transaction(self.engine) as connection:
            return buying.buy(connection, self._vault, user_id, number, now_ms, price, offer)

    def deliver(self, bought: buying.Bought, now_ms: int) -> buying.Bought:
        """The right as a client is told it that gets its key now; see headend.shop.rentals."""
        with transaction(self.engine) as connection:
            return buying.deliver(connection, bought, now_ms)

    def refund(self, user_id: int, title_id: int, now_ms: int) -> int:
        """Takes a purchase back; the units."""
        with transaction(self.engine) as connection:
            return buying.refund(connection, user_id, checked_number(title_id, NO_RIGHT), now_ms)

    def right(self, user_id: int, title_id: int) -> buying.Bought:
        """The key of a title that the user has. Raises Refused where he has not."""
        with transaction(self.engine) as connection:
            found = buying.rights_of(connection, self._vault, user_id, checked_number(title_id, NO_RIGHT))
        if not found:
            raise Refused(NO_RIGHT)
        return found[0]

    def restore(self, user_id: int) -> list[buying.Bought]:
        """All that the user has bought, with its keys: what a client that lost everything needs. Costs nothing."""
        with transaction(self.engine) as connection:
            return buying.rights_of(connection, self._vault, user_id)

    def codec_for(self, wanted: codecs.Wanted) -> codecs.Unit:
        """A codec's unit for a terminal. Raises Refused where there is none."""
        with transaction(self.engine) as connection:
            return codecs.codec_for(connection, wanted)

    def codec_octets(self, digest: bytes) -> bytes:
        """The signed update of this SHA-256. Raises Refused where there is none."""
        with transaction(self.engine) as connection:
            return codecs.signed_octets(connection, digest)

    def transactions(self, user_id: int, after: int = 0, count: int | None = None) -> list[ledger.Booked]:
        """The user's, oldest first; those behind the one of number `after`, `count` at most."""
        with transaction(self.engine) as connection:
            return ledger.transactions_of(connection, user_id, min(max(after, 0), NUMBER_LIMIT), count)

    def newest_transactions(self, user_id: int, before: int | None, count: int) -> list[ledger.Booked]:
        """The user's, newest first; those before the one of number `before`, `count` at most."""
        with transaction(self.engine) as connection:
            return ledger.newest_of(connection, user_id, before, count)

    def terms_of(self, transaction_ids: Collection[int]) -> dict[int, Term]:
        """By which terms rights with an end were bought, by the transaction."""
        with transaction(self.engine) as connection:
            return rentals.terms_of(connection, transaction_ids)

    def title_names(self, title_ids: set[int]) -> dict[int, str]:
        """Names of titles, also of those that are sold no more."""
        with transaction(self.engine) as connection:
            return catalogue.names_of(connection, title_ids)

    def login(self, user_id: int) -> str:
        """The user's login. Raises Refused for an unknown one."""
        with transaction(self.engine) as connection:
            return users.login(connection, user_id)

    def audit(self) -> list[str]:
        """What is wrong with the books; nothing, where they are right."""
        with transaction(self.engine) as connection:
            return ledger.audit(connection)
