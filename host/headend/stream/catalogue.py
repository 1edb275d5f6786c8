"""Which titles are streamed, for how long, and at which prices. Within the caller's transaction."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from settop.errors import LocalError
from sqlalchemy import Connection, Select, insert, select, update

from headend.stream.models import StreamLimit, StreamTitle

PAGE = 50
NAME_LIMIT, LABEL_LIMIT, SERVER_LIMIT = 64, 200, 200
HOLDS_LIMIT = 10 * 366 * 24 * 3600
PRICE_LIMIT = 1_000_000_000
LIMITS_LIMIT = 20
"""Time limits of one title."""
NAME = re.compile("[A-Za-z0-9][A-Za-z0-9._-]*")
_SERVER = re.compile(r"rtsp://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


@dataclass(frozen=True)
class Terms:
    """A time limit: `holds_s` from the purchase on, for `price` units."""

    name: str
    holds_s: int
    price: int


@dataclass(frozen=True)
class Limit(Terms):
    """One that is offered, by its number `limit`."""

    limit: int


@dataclass(frozen=True)
class Stream:
    """A title as viewers see it, by its number `stream`. `is_open`: it is sent to whoever asks for it at `uri`."""

    stream: int
    name: str
    label: str
    uri: str
    is_open: bool
    limits: tuple[Limit, ...]


def uri_of(server: str, name: str) -> str:
    """Where a title is sent from."""
    return f"{server}/{name}"


def checked_name(name: str) -> str:
    """A title's name in its address. Raises LocalError."""
    if not NAME.fullmatch(name) or len(name) > NAME_LIMIT:
        raise LocalError(
            f"a streamed title's name has 1 to {NAME_LIMIT} letters, digits, dots, hyphens and underscores, as it "
            f"stands in its address: not {name[: NAME_LIMIT + 1]!r}"
        )
    return name


def set_title(connection: Connection, name: str, label: str, server: str, limits: Sequence[Terms], now_ms: int) -> int:
    """Sells a title, or changes how; its number. No limits: it is sent to whoever asks. What was sold stays good.

    Raises LocalError for what cannot be sold.
    """
    checked_name(name)
    if not 1 <= len(label) <= LABEL_LIMIT or not label.isprintable():
        raise LocalError(f"what viewers read of a title has 1 to {LABEL_LIMIT} characters")
    if not _SERVER.fullmatch(server) or len(server) > SERVER_LIMIT:
        raise LocalError(f"a streaming server is rtsp://HOST or rtsp://HOST:PORT, without a path: not {server[:100]!r}")
    _check_limits(limits)
    told = {"label": label, "server": server, "is_open": not limits, "withdrawn": False}
    number = connection.scalar(select(StreamTitle.stream_id).where(StreamTitle.name == name).with_for_update())
    if number is None:
        row = {"name": name, "added_ms": now_ms, **told}
        key = connection.execute(insert(StreamTitle).values(**row)).inserted_primary_key
        assert key is not None
        number = int(key[0])
    else:
        connection.execute(update(StreamTitle).where(StreamTitle.stream_id == number).values(**told))
    _set_limits(connection, number, limits)
    return number


def withdraw(connection: Connection, name: str) -> None:
    """It is sold no more; tokens that were sold stay good. Raises LocalError where there is none of that name."""
    if not connection.execute(update(StreamTitle).where(StreamTitle.name == name).values(withdrawn=True)).rowcount:
        raise LocalError(f"no title {name!r} is streamed")


def streams(connection: Connection, after: int = 0, count: int = PAGE) -> list[Stream]:
    """What is sold, by number; those behind the one of number `after`."""
    sold = (StreamTitle.withdrawn.is_(False), StreamTitle.stream_id > after)
    return _read(connection, select(StreamTitle).where(*sold).order_by(StreamTitle.stream_id).limit(min(count, PAGE)))


def stream(connection: Connection, number: int) -> Stream | None:
    """One title, None where there is none of that number or it is sold no more."""
    found = _read(
        connection, select(StreamTitle).where(StreamTitle.stream_id == number, StreamTitle.withdrawn.is_(False))
    )
    return found[0] if found else None


def named(connection: Connection, name: str) -> Stream | None:
    """The same by its name."""
    found = _read(connection, select(StreamTitle).where(StreamTitle.name == name, StreamTitle.withdrawn.is_(False)))
    return found[0] if found else None


def _check_limits(limits: Sequence[Terms]) -> None:
    names = [one.name for one in limits]
    if len(limits) > LIMITS_LIMIT or len(set(names)) != len(names):
        raise LocalError(f"a title has {LIMITS_LIMIT} time limits at most, each with a name of its own")
    for one in limits:
        if not 1 <= len(one.name) <= NAME_LIMIT or not one.name.isprintable():
            raise LocalError(f"a time limit's name has 1 to {NAME_LIMIT} characters")
        if not 1 <= one.holds_s <= HOLDS_LIMIT or not 0 <= one.price <= PRICE_LIMIT:
            raise LocalError(
                f"time limit {one.name!r}: expected a second to {HOLDS_LIMIT // 3600} hours, "
                f"for 0 to {PRICE_LIMIT} units"
            )


def _set_limits(connection: Connection, number: int, limits: Sequence[Terms]) -> None:
    """Those that are there already stay under their numbers: a page that a viewer looks at stays true."""
    there = _limits(connection, [number]).get(number, [])
    kept = {Terms(one.name, one.holds_s, one.price): one.limit for one in there}
    for terms, limit in kept.items():
        if terms not in limits:
            connection.execute(update(StreamLimit).where(StreamLimit.limit_id == limit).values(withdrawn=True))
    new = [{"stream_id": number, "withdrawn": False, **vars(one)} for one in limits if one not in kept]
    if new:
        connection.execute(insert(StreamLimit), new)


def _read(connection: Connection, look: "Select[StreamTitle]") -> list[Stream]:
    rows = connection.execute(look).all()
    limits = _limits(connection, [row.stream_id for row in rows])
    return [
        Stream(
            row.stream_id,
            row.name,
            row.label,
            uri_of(row.server, row.name),
            row.is_open,
            tuple(limits.get(row.stream_id, ())),
        )
        for row in rows
    ]


def _limits(connection: Connection, numbers: Sequence[int]) -> dict[int, list[Limit]]:
    look = (
        select(StreamLimit.stream_id, StreamLimit.name, StreamLimit.holds_s, StreamLimit.price, StreamLimit.limit_id)
        .where(StreamLimit.stream_id.in_(numbers), StreamLimit.withdrawn.is_(False))
        .order_by(StreamLimit.holds_s, StreamLimit.limit_id)
    )
    found: dict[int, list[Limit]] = {}
    for stream_id, name, holds_s, price, limit in connection.execute(look):
        found.setdefault(stream_id, []).append(Limit(name, holds_s, price, limit))
    return found
