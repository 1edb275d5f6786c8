"""What goes over the shop's HTTP interface in JSON, both ways. Numbers of rows fit 31 bits, times are Unix ms."""

from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

from headend.shop.catalogue import NAME_LIMIT
from headend.shop.ledger import KINDS
from headend.shop.passwords import LONGEST, SHORTEST
from headend.shop.refusals import NUMBER_LIMIT, UNITS_LIMIT
from headend.shop.rentals import HOLDS_LIMIT
from headend.shop.sessions import TOKEN_CHARACTERS
from headend.shop.users import LOGIN_LIMIT

TYPED_LIMIT = 200
"""Characters of whatever somebody types."""
MS_LIMIT = (1 << 63) - 1
_TEXT = r"^[^\x00]*$"

Title = Annotated[int, Path(ge=1, le=NUMBER_LIMIT, description="a title's number")]
Taste = Annotated[int, Path(ge=1, le=NUMBER_LIMIT, description="a subscription's number")]
RentalNumber = Annotated[int, Path(ge=1, le=NUMBER_LIMIT, description="an offer's number")]
Client = Annotated[str, Path(pattern="^[0-9a-f]{16}$", description="a client's id in hex")]


class Asked(BaseModel):
    """What comes in: nothing else than this, and no text for a number."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class Page(BaseModel):
    """A query's parameters, these alone: a misspelt one would find everything."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    after: int = Field(0, ge=0, le=NUMBER_LIMIT, description="`next` of the page before")


class Looked(Page):
    taste: str | None = Field(None, max_length=64, pattern=_TEXT, description="titles of this subscription alone")
    words: str = Field(
        "", max_length=TYPED_LIMIT, pattern=_TEXT, description="titles alone in whose name or extras each stands"
    )


class Told(BaseModel):
    """What goes out."""

    model_config = ConfigDict(frozen=True)


class NewAccount(Asked):
    login: str = Field(
        min_length=1, max_length=LOGIN_LIMIT, description="without spaces; capitals and shapes of letters do not count"
    )
    password: str = Field(min_length=SHORTEST, max_length=LONGEST, repr=False, json_schema_extra={"format": "password"})


class SignIn(Asked):
    login: str = Field(max_length=TYPED_LIMIT)
    password: str = Field(max_length=TYPED_LIMIT, repr=False, json_schema_extra={"format": "password"})


class Session(Told):
    token: str = Field(
        min_length=TOKEN_CHARACTERS,
        max_length=TOKEN_CHARACTERS,
        repr=False,
        description="for `Authorization: Bearer`; said this once",
    )
    until_ms: int = Field(ge=0, le=MS_LIMIT, description="when it is over by itself")


class Account(Told):
    user: int = Field(ge=1, le=NUMBER_LIMIT, description="the purchaser's number in this user's copies")
    login: str
    balance: int = Field(ge=0, le=MS_LIMIT, description="units")


class Card(Asked):
    number: str = Field(max_length=64, repr=False, description="16 digits, with spaces or hyphens or without")


class Credited(Told):
    units: int = Field(ge=1, le=UNITS_LIMIT, description="what the card was worth")
    balance: int = Field(ge=0, le=MS_LIMIT)


class Term(Told):
    begins_ms: int | None = Field(ge=1, le=MS_LIMIT, description="it does not hold before; null: at once")
    ends_ms: int | None = Field(ge=1, le=MS_LIMIT, description="it holds no more from then on; null: not limited")
    seconds: int | None = Field(ge=1, le=HOLDS_LIMIT, description="from the first play on; null: not limited")


class Booked(Told):
    transaction: int = Field(ge=1, le=NUMBER_LIMIT)
    kind: str = Field(description=f"{', '.join(KINDS[:-1])} or {KINDS[-1]}")
    at_ms: int = Field(ge=0, le=MS_LIMIT)
    units: int = Field(ge=-MS_LIMIT, le=MS_LIMIT, description="what the balance changed by")
    title: int | None = Field(ge=1, le=NUMBER_LIMIT)
    term: Term | None = Field(description="of a purchase with an end: for how long")
    note: str
    reverses: int | None = Field(ge=1, le=NUMBER_LIMIT, description="the transaction that this one takes back")


class Transactions(Told):
    transactions: list[Booked] = Field(description="oldest first")
    next: int | None = Field(description="`after` of the next page; null: there is none")


class Units(Asked):
    units: int = Field(ge=1, le=UNITS_LIMIT)


class Order(Told):
    order: str = Field(pattern="^[0-9a-f]{32}$", description="what a seller of units asks for")
    units: int = Field(ge=1, le=UNITS_LIMIT)


class Accepted(Told):
    transaction: int = Field(ge=1, le=NUMBER_LIMIT)
    new: bool = Field(description="false: this very notice was taken before, and credited then")


class Clients(Told):
    clients: list[str] = Field(description="their ids in hex")


class Rental(Term):
    offer: int = Field(ge=1, le=NUMBER_LIMIT)
    price: int = Field(ge=0, le=UNITS_LIMIT, description="units")


class Held(Term):
    until_ms: int | None = Field(
        ge=1,
        le=MS_LIMIT,
        description="when it may be over at the earliest, as far as the shop can know; null: no client has its key yet",
    )


class Offer(Told):
    title: int = Field(ge=1, le=NUMBER_LIMIT)
    name: str = Field(max_length=NAME_LIMIT)
    price: int = Field(ge=0, le=UNITS_LIMIT, description="units, for good")
    taste: str | None = Field(description="the subscription that it is in")
    bought: bool = Field(description="whether who asks has it, for good or by a right that may still run")
    sold: bool = Field(description="false: who has it keeps it, and nobody else gets it")
    held: Held | None = Field(description="for how long who asks has it; null: for good, or not at all")
    offers: list[Rental] = Field(description="for how long it is sold beside for good, and at which prices")
    extras: dict[str, str]


class Catalogue(Told):
    titles: list[Offer] = Field(description="those of the user's subscriptions first")
    next: int | None = Field(description="`after` of the next page; null: there is none")


class Subscription(Told):
    taste: int = Field(ge=1, le=NUMBER_LIMIT)
    name: str
    price: int = Field(ge=0, le=UNITS_LIMIT, description="units for joining")
    member: bool


class Tastes(Told):
    tastes: list[Subscription]


class Joined(Told):
    new: bool = Field(description="false: was so already, and costs nothing")
    balance: int = Field(ge=0, le=MS_LIMIT)


class Price(Asked):
    price: int = Field(ge=0, le=UNITS_LIMIT, description="what the user has seen; another one is refused")


class Owned(Told):
    title: int = Field(ge=1, le=NUMBER_LIMIT)
    name: str
    transaction: int = Field(ge=1, le=NUMBER_LIMIT)
    kid: str = Field(pattern="^[0-9a-f]{32}$", description="id of the key that opens the copy")
    held: Held | None = Field(description="for how long; null: for good")
    over: bool = Field(description="whether it has ended, as far as the shop can know: it may be bought anew")


class Purchase(Owned):
    new: bool = Field(description="false: had it already, and it costs nothing")
    balance: int = Field(ge=0, le=MS_LIMIT)


class Library(Told):
    titles: list[Owned] = Field(description="in the order of purchase")


class Sealed(Told):
    key: int = Field(ge=1, le=NUMBER_LIMIT, description="number of the client's communication key")
    licence: str = Field(pattern="^[0-9a-f]{80}$", description="what that key opens (docs/protocols/licence.md)")


class Licence(Told):
    title: int = Field(ge=1, le=NUMBER_LIMIT)
    kid: str = Field(pattern="^[0-9a-f]{32}$")
    sealed: list[Sealed] = Field(min_length=1, max_length=2, description="two while the client's key is renewed")
