"""Tables of the shop. Money in units, of which a user's account (headend.accounts) has `credit`; times in Unix ms.

Of passwords and card numbers there are digests alone; keys lie in `sealed_secrets`. What has happened stays: rows of
`shop_transactions` and `shop_entries` are added, never changed.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from headend.accounts.models import Base

_SECRET = "sealed_secrets.secret_id"  # noqa: S105 - a column
_USER = "shop_users.user_id"
_TERMINAL = "terminals.terminal_id"
_TRANSACTION = "shop_transactions.transaction_id"


class User(Base):
    """Who buys. `login` as it was typed, in NFKC and without capitals; `password`: Argon2's own text."""

    __tablename__ = "shop_users"

    user_id: Mapped[int] = mapped_column(primary_key=True)
    login: Mapped[str] = mapped_column(String(64), unique=True)
    password: Mapped[str] = mapped_column(String(200))
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.account_id"), unique=True)
    made_ms: Mapped[int] = mapped_column(BigInteger)


class Client(Base):
    """What a user buys and plays with: a terminal, say. `user_id` null: nobody has signed in on it yet.

    `key_id`: its communication key; `next_key_id`: one that has left and was not used yet, or null.
    `removed_ms`: since when it counts as unknown, or null.
    """

    __tablename__ = "shop_clients"

    client_id: Mapped[bytes] = mapped_column(LargeBinary(8), primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey(_USER), index=True)
    key_id: Mapped[bytes] = mapped_column(ForeignKey(_SECRET), unique=True)
    key_number: Mapped[int]
    key_since_ms: Mapped[int] = mapped_column(BigInteger)
    next_key_id: Mapped[bytes | None] = mapped_column(ForeignKey(_SECRET), unique=True)
    removed_ms: Mapped[int | None] = mapped_column(BigInteger)


class ClientTerminal(Base):
    """Which terminal a client is, by the session that it registered in. `serial`: of the household's list that it said
    it has, or 0.
    """

    __tablename__ = "shop_client_terminals"

    client_id: Mapped[bytes] = mapped_column(ForeignKey("shop_clients.client_id"), primary_key=True)
    terminal_id: Mapped[bytes] = mapped_column(LargeBinary(8))
    serial: Mapped[int] = mapped_column(BigInteger)


class Session(Base):
    """A user who has signed in by HTTP. `token`: digest of what shows it, which lies nowhere; until `until_ms`."""

    __tablename__ = "shop_sessions"

    token: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey(_USER), index=True)
    made_ms: Mapped[int] = mapped_column(BigInteger)
    until_ms: Mapped[int] = mapped_column(BigInteger, index=True)


class ChannelPlace(Base):
    """How far the requests of a client, or of a terminal that registers, have come: what is not behind it is refused.

    `peer`: who u8 and id 8, as HELLO has them. `issued_ms`: when the session was opened, by the shop; `session`: how
    its transcript begins; `counter`: of its last request.
    """

    __tablename__ = "shop_channels"

    peer: Mapped[bytes] = mapped_column(LargeBinary(9), primary_key=True)
    issued_ms: Mapped[int] = mapped_column(BigInteger)
    session: Mapped[bytes] = mapped_column(LargeBinary(8))
    counter: Mapped[int] = mapped_column(BigInteger)


class Failures(Base):
    """How often somebody was wrong of late. `subject`: digest of what was tried, which may be nobody's."""

    __tablename__ = "shop_failures"

    subject: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    count: Mapped[int]
    until_ms: Mapped[int] = mapped_column(BigInteger)
    last_ms: Mapped[int] = mapped_column(BigInteger, index=True)


class Group(Base):
    """A subscription by taste. `price`: units for joining. `key_id`: its members' key, drawn with the first title."""

    __tablename__ = "shop_groups"
    __table_args__ = (CheckConstraint("price >= 0", name="price_valid"),)

    group_id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    price: Mapped[int] = mapped_column(BigInteger)
    key_id: Mapped[bytes | None] = mapped_column(ForeignKey(_SECRET), unique=True)


class Member(Base):
    """Who is in a group now."""

    __tablename__ = "shop_members"

    group_id: Mapped[int] = mapped_column(ForeignKey("shop_groups.group_id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey(_USER), primary_key=True, index=True)
    since_ms: Mapped[int] = mapped_column(BigInteger)


class Title(Base):
    """What is sold. `file`: its name in the shop's folder; `digest`: that file's SHA-256. `withdrawn`: sold no more."""

    __tablename__ = "shop_titles"
    __table_args__ = (CheckConstraint("price >= 0", name="price_valid"),)

    title_id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    price: Mapped[int] = mapped_column(BigInteger)
    group_id: Mapped[int | None] = mapped_column(ForeignKey("shop_groups.group_id"), index=True)
    file: Mapped[str] = mapped_column(String(200))
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    added_ms: Mapped[int] = mapped_column(BigInteger)
    withdrawn: Mapped[bool]


class Rental(Base):
    """An offer of a title for less than good: from and to an instant, or so long from the first play on, or both.

    `begins_ms`, `ends_ms`, `holds_s`: 0 is not limited. `withdrawn`: sold no more.
    """

    __tablename__ = "shop_rentals"
    __table_args__ = (
        CheckConstraint("price >= 0", name="price_valid"),
        CheckConstraint("ends_ms > begins_ms OR (ends_ms = 0 AND holds_s > 0)", name="terms_valid"),
    )

    rental_id: Mapped[int] = mapped_column(primary_key=True)
    title_id: Mapped[int] = mapped_column(ForeignKey("shop_titles.title_id"), index=True)
    price: Mapped[int] = mapped_column(BigInteger)
    begins_ms: Mapped[int] = mapped_column(BigInteger)
    ends_ms: Mapped[int] = mapped_column(BigInteger)
    holds_s: Mapped[int] = mapped_column(BigInteger)
    withdrawn: Mapped[bool]


class Extra(Base):
    """What the catalogue says of a title beside its name: artist, lyrics and so on, in text."""

    __tablename__ = "shop_extras"

    title_id: Mapped[int] = mapped_column(ForeignKey("shop_titles.title_id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(String(20_000))


class Transaction(Base):
    """Something that was booked, by its `kind` (headend.shop.ledger). `reverses`: what a counter-entry takes back."""

    __tablename__ = "shop_transactions"

    transaction_id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    user_id: Mapped[int] = mapped_column(ForeignKey(_USER), index=True)
    at_ms: Mapped[int] = mapped_column(BigInteger)
    note: Mapped[str] = mapped_column(String(200))
    reverses: Mapped[int | None] = mapped_column(ForeignKey(_TRANSACTION), unique=True)


class Entry(Base):
    """One line of a transaction: `amount` of units, or of rights to the title, that `party` gets or (below 0) gives.

    Over a transaction's lines units sum to zero, and rights to each title do. `user_id`: where the party is a user.
    """

    __tablename__ = "shop_entries"
    __table_args__ = (CheckConstraint("amount <> 0", name="amount_valid"),)

    transaction_id: Mapped[int] = mapped_column(ForeignKey(_TRANSACTION), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    party: Mapped[str] = mapped_column(String(16))
    user_id: Mapped[int | None] = mapped_column(ForeignKey(_USER), index=True)
    title_id: Mapped[int | None] = mapped_column(ForeignKey("shop_titles.title_id"))
    amount: Mapped[int] = mapped_column(BigInteger)


class Right(Base):
    """A title that a user has bought, and the key of that purchase.

    `refunded_ms`: when it went back to the store, by a refund or because it had an end and made room for another one
    (the ledger says which), or null: it stands. The terms of one with an end are in `shop_terms`.
    """

    __tablename__ = "shop_rights"
    __table_args__ = (
        Index(
            "uq_shop_rights_standing",
            "user_id",
            "title_id",
            unique=True,
            sqlite_where=text("refunded_ms IS NULL"),
            postgresql_where=text("refunded_ms IS NULL"),
        ),
    )

    right_id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey(_USER))
    title_id: Mapped[int] = mapped_column(ForeignKey("shop_titles.title_id"))
    key_id: Mapped[bytes] = mapped_column(ForeignKey(_SECRET), index=True)
    transaction_id: Mapped[int] = mapped_column(ForeignKey(_TRANSACTION), unique=True)
    bought_ms: Mapped[int] = mapped_column(BigInteger)
    refunded_ms: Mapped[int | None] = mapped_column(BigInteger)


class Terms(Base):
    """How long a right with an end holds, as it was sold. `delivered_ms`: when a client got its key first; `until_ms`:
    when it may be over at the earliest, as far as the shop can know; null: not yet known.
    """

    __tablename__ = "shop_terms"

    right_id: Mapped[int] = mapped_column(ForeignKey("shop_rights.right_id"), primary_key=True)
    rental_id: Mapped[int] = mapped_column(ForeignKey("shop_rentals.rental_id"))
    begins_ms: Mapped[int] = mapped_column(BigInteger)
    ends_ms: Mapped[int] = mapped_column(BigInteger)
    holds_s: Mapped[int] = mapped_column(BigInteger)
    delivered_ms: Mapped[int | None] = mapped_column(BigInteger)
    until_ms: Mapped[int | None] = mapped_column(BigInteger)


class Codec(Base):
    """A codec unit for terminals, as it was `signed` (settop.wire.update), with what its head says; `size` and `digest`
    (SHA-256) are those of the whole.
    """

    __tablename__ = "shop_codecs"
    __table_args__ = (
        CheckConstraint("version > 0", name="version_valid"),
        UniqueConstraint("codec", "board", "mpy", "version"),
    )

    codec_id: Mapped[int] = mapped_column(primary_key=True)
    codec: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(16), index=True)
    version: Mapped[int] = mapped_column(BigInteger)
    board: Mapped[str] = mapped_column(String(12))
    mpy: Mapped[bytes] = mapped_column(LargeBinary(3))
    size: Mapped[int]
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    signed: Mapped[bytes] = mapped_column(LargeBinary)
    added_ms: Mapped[int] = mapped_column(BigInteger)


class Card(Base):
    """A prepaid card. `digest`: of its number, under a key of the shop's. `client_id`: claimed there before anybody had
    an account. `transaction_id`: what credited it, or null.
    """

    __tablename__ = "shop_cards"
    __table_args__ = (CheckConstraint("units > 0", name="units_valid"),)

    card_id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(16), unique=True)
    units: Mapped[int] = mapped_column(BigInteger)
    made_ms: Mapped[int] = mapped_column(BigInteger)
    client_id: Mapped[bytes | None] = mapped_column(ForeignKey("shop_clients.client_id"), index=True)
    transaction_id: Mapped[int | None] = mapped_column(ForeignKey(_TRANSACTION), unique=True)


class Household(Base):
    """A user's portable players. `most`: members that it may have; `changes`: how often it changed."""

    __tablename__ = "shop_households"
    __table_args__ = (CheckConstraint("most > 0", name="most_valid"),)

    user_id: Mapped[int] = mapped_column(ForeignKey(_USER), primary_key=True)
    household_id: Mapped[bytes] = mapped_column(LargeBinary(8), unique=True)
    most: Mapped[int]
    changes: Mapped[int]


class HouseholdPlayer(Base):
    """A player that is or was of a household. `left_ms`: since when it is no member any more, or null."""

    __tablename__ = "shop_household_players"

    user_id: Mapped[int] = mapped_column(ForeignKey("shop_households.user_id"), primary_key=True)
    player_id: Mapped[bytes] = mapped_column(ForeignKey(_TERMINAL), primary_key=True, index=True)
    joined_ms: Mapped[int] = mapped_column(BigInteger)
    left_ms: Mapped[int | None] = mapped_column(BigInteger)


class HouseholdList(Base):
    """A list that a terminal got, of the household as it was after so many `changes`."""

    __tablename__ = "shop_household_lists"

    serial: Mapped[int] = mapped_column(primary_key=True)
    terminal_id: Mapped[bytes] = mapped_column(ForeignKey(_TERMINAL), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("shop_households.user_id"))
    changes: Mapped[int]


class Seller(Base):
    """Who may sell units beside the shop. `public_key`: Ed25519. `revoked_ms`: since when not any more, or null."""

    __tablename__ = "shop_sellers"

    seller_id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary(32))
    revoked_ms: Mapped[int | None] = mapped_column(BigInteger)


class Order(Base):
    """Units that a user wants to buy of a seller. `notice`: what the seller signed, and `transaction_id` what it led
    to; null until then.
    """

    __tablename__ = "shop_orders"
    __table_args__ = (CheckConstraint("units > 0", name="units_valid"), UniqueConstraint("transaction_id"))

    order_id: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey(_USER), index=True)
    units: Mapped[int] = mapped_column(BigInteger)
    made_ms: Mapped[int] = mapped_column(BigInteger)
    seller_id: Mapped[int | None] = mapped_column(ForeignKey("shop_sellers.seller_id"))
    notice: Mapped[bytes | None] = mapped_column(LargeBinary(128))
    transaction_id: Mapped[int | None] = mapped_column(ForeignKey(_TRANSACTION))


class Sale(Base):
    """In the database of a seller, which is not the shop's: units that were paid for, and the notice of it.

    `told_ms`: when the shop has answered it, or null.
    """

    __tablename__ = "shop_sales"

    order_id: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    units: Mapped[int] = mapped_column(BigInteger)
    notice: Mapped[bytes] = mapped_column(LargeBinary(128))
    told_ms: Mapped[int | None] = mapped_column(BigInteger, index=True)
