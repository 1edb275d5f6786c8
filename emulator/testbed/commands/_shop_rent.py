"""`ringcast shop title rent` and `offers`: what a title is sold for beside for good."""

import time
from datetime import UTC, datetime
from typing import Annotated

import typer

from testbed.commands import _shop as shared
from testbed.commands._shop import Db, Price

_DATES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]
MS_PER_S = 1000

Title = Annotated[int, typer.Argument(metavar="TITLE", help="Its number.")]


def rent(
    number: Title,
    db: Db,
    price: Price,
    hours: Annotated[
        float | None, typer.Option("--hours", metavar="N", min=0.01, help="From the first play on.")
    ] = None,
    begins: Annotated[
        datetime | None, typer.Option("--from", metavar="UTC", formats=_DATES, help="Not before then.")
    ] = None,
    ends: Annotated[
        datetime | None, typer.Option("--until", metavar="UTC", formats=_DATES, help="Not from then on.")
    ] = None,
) -> None:
    """Offer a title for some hours from its first play, or up to an instant, or both; says the offer's number.

    \b
      ringcast shop title rent 3 --price 5 --hours 48 --db shop.db
      ringcast shop title rent 3 --price 8 --from 2027-01-01 --until 2027-02-01 --db shop.db

    A viewer takes it with `shop rent TITLE OFFER` on a terminal. Exit status: 0; 1 where it cannot be, and a line says
    why.
    """
    from headend.accounts.engine import transaction
    from headend.shop.rentals import Term, add_rental

    term = Term(_unix_ms(begins), _unix_ms(ends), round((hours or 0) * 3600))
    with transaction(shared.open_books(db)) as connection:
        typer.echo(add_rental(connection, number, price, term))


def offers(number: Title, db: Db, json_: shared.AsJson = False) -> None:
    """What a title is sold for beside for good, by number: hours from the first play, begin and end."""
    from headend.accounts.engine import transaction
    from headend.shop.rentals import rentals_of

    with transaction(shared.open_books(db)) as connection:
        found = rentals_of(connection, number, time.time_ns() // 1_000_000)
    shared.show(
        found,
        json_,
        [
            ("offer", lambda one: one.offer),
            ("price", lambda one: one.price),
            ("hours", lambda one: f"{one.holds_s / 3600:g}" if one.holds_s else ""),
            ("from (UTC)", lambda one: shared.instant(one.begins_ms or None)),
            ("until (UTC)", lambda one: shared.instant(one.ends_ms or None)),
        ],
    )


def end(offer: Annotated[int, typer.Argument(metavar="OFFER", help="Its number.")], db: Db) -> None:
    """Sell an offer no more; what was bought by it runs on."""
    from headend.accounts.engine import transaction
    from headend.shop.rentals import withdraw_rental

    with transaction(shared.open_books(db)) as connection:
        withdraw_rental(connection, offer)


def _unix_ms(given: datetime | None) -> int:
    """0 where nothing was said."""
    return 0 if given is None else round(given.replace(tzinfo=UTC).timestamp() * MS_PER_S)
