"""What goes over HTTP in JSON of streams, both ways; as `headend.shop.web.schemas` has the rest."""

from typing import Annotated

from fastapi import Path
from pydantic import Field

from headend.shop.refusals import NUMBER_LIMIT, UNITS_LIMIT
from headend.shop.web.schemas import MS_LIMIT, Price, Told
from headend.stream.catalogue import HOLDS_LIMIT, LABEL_LIMIT, NAME_LIMIT

TOKEN_CHARACTERS = 96

Stream = Annotated[int, Path(ge=1, le=NUMBER_LIMIT, description="a streamed title's number")]


class Limit(Told):
    limit: int = Field(ge=1, le=NUMBER_LIMIT, description="its number")
    name: str = Field(max_length=NAME_LIMIT)
    seconds: int = Field(ge=1, le=HOLDS_LIMIT, description="for how long a token is good from its purchase on")
    price: int = Field(ge=0, le=UNITS_LIMIT, description="units")


class Offered(Told):
    stream: int = Field(ge=1, le=NUMBER_LIMIT)
    name: str = Field(max_length=NAME_LIMIT, description="in its address, and what a token is made for")
    label: str = Field(max_length=LABEL_LIMIT, description="what people read")
    uri: str = Field(description="where it is sent from")
    open: bool = Field(description="it is sent to whoever asks, without a token, and cannot be bought")
    limits: list[Limit] = Field(description="by which tokens are sold, the shortest first")


class Streams(Told):
    streams: list[Offered] = Field(description="by number")
    next: int | None = Field(description="`after` of the next page; null: there is none")


class Chosen(Price):
    limit: int = Field(ge=1, le=NUMBER_LIMIT, description="number of the time limit that the user has chosen")


class Ticket(Told):
    stream: int = Field(ge=1, le=NUMBER_LIMIT)
    name: str = Field(max_length=NAME_LIMIT)
    label: str = Field(max_length=LABEL_LIMIT)
    uri: str = Field(description="what the viewer asks for")
    user: str = Field(description="who the viewer says that it is")
    token: str = Field(
        min_length=TOKEN_CHARACTERS,
        max_length=TOKEN_CHARACTERS,
        repr=False,
        description="what the viewer shows; a server alone can tell whether it is good (docs/protocols/stream.md)",
    )
    limit: str = Field(max_length=NAME_LIMIT, description="the time limit's name")
    issued_ms: int = Field(ge=0, le=MS_LIMIT)
    expires_ms: int = Field(ge=0, le=MS_LIMIT, description="for showing alone: no viewer sends it")
    transaction: int | None = Field(ge=1, le=NUMBER_LIMIT, description="what paid for it; null: it was free")


class Bought(Ticket):
    new: bool = Field(description="false: had this very token already, and it costs nothing")
    balance: int = Field(ge=0, le=MS_LIMIT)


class Tickets(Told):
    tokens: list[Ticket] = Field(description="those that are good, in the order of purchase")
