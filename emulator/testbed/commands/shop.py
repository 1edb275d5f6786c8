"""`ringcast shop`: what an operator of the shop does: cards, titles, subscriptions, accounts, sellers, the books."""

import time
from pathlib import Path
from typing import Annotated

import typer

from testbed.commands import _shop as shared
from testbed.commands import _shop_codec, _shop_rent
from testbed.commands._shop import Db, Login, MasterKeyFile, Price
from testbed.commands._shop_demo import demo
from testbed.commands.ending import fail
from testbed.commands.shop_serve import serve, units

app = typer.Typer(
    help="The shop: prepaid cards, titles, codecs, subscriptions, accounts, sellers of units, the books.\n\n"
    "docs/shop.md explains the commands.",
    no_args_is_help=True,
    add_completion=False,
)
card = typer.Typer(help="Prepaid cards.", no_args_is_help=True, add_completion=False)
title = typer.Typer(help="What is sold.", no_args_is_help=True, add_completion=False)
taste = typer.Typer(help="Subscriptions by taste.", no_args_is_help=True, add_completion=False)
account = typer.Typer(help="Users.", no_args_is_help=True, add_completion=False)
seller = typer.Typer(help="Who sells units beside the shop.", no_args_is_help=True, add_completion=False)
for _name, _group in (("card", card), ("title", title), ("taste", taste), ("account", account), ("seller", seller)):
    app.add_typer(_group, name=_name)
app.add_typer(units, name="units")
app.add_typer(_shop_codec.app, name="codec")
app.command("serve")(serve)
app.command("demo")(demo)
title.command("rent")(_shop_rent.rent)
title.command("offers")(_shop_rent.offers)
title.command("end-offer")(_shop_rent.end)

Name = Annotated[str, typer.Argument(metavar="NAME")]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@card.command("new")
def card_new(
    units: Annotated[int, typer.Argument(metavar="UNITS", min=1, help="What a card is worth.")],
    db: Db,
    count: Annotated[int, typer.Option("--count", metavar="N", min=1, max=100_000, help="So many cards.")] = 1,
    master_key: MasterKeyFile = None,
) -> None:
    """Make prepaid cards: their numbers, one a line, said this once; the database cannot tell them again.

    \b
      ringcast shop card new 500 --db shop.db --count 10 > cards.txt

    Exit status: 0; 1 where it cannot be done, and a line says why.
    """
    from headend.shop.card_number import printed

    shop = shared.open_shop(db, master_key)
    for _ in range(count):
        typer.echo(printed(shop.new_card(units, _now_ms())))


@card.command("list")
def card_list(
    db: Db,
    unused: Annotated[bool, typer.Option("--unused", help="Those alone that nobody has used.")] = False,
    json_: shared.AsJson = False,
) -> None:
    """The cards, the newest first: worth, and who used them when. No number is shown: the database has none."""
    from headend.accounts.engine import transaction
    from headend.shop.cards import cards

    with transaction(shared.open_books(db)) as connection:
        found = cards(connection, unused)
    shared.show(
        found,
        json_,
        [
            ("card", lambda one: one.card),
            ("units", lambda one: one.units),
            ("made (UTC)", lambda one: shared.instant(one.made_ms)),
            ("claimed on", lambda one: one.client or ""),
            ("user", lambda one: "" if one.user is None else one.user),
            ("credited (UTC)", lambda one: shared.instant(one.credited_ms)),
        ],
    )


@title.command("add")
def title_add(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="Sound or film in any file that FFmpeg reads.")],
    db: Db,
    price: Price,
    name: Annotated[str | None, typer.Option("--name", help="Default: what FILE says of itself, or its name.")] = None,
    taste_: Annotated[str | None, typer.Option("--taste", metavar="NAME", help="The subscription it is in.")] = None,
    extra: Annotated[
        list[str] | None, typer.Option("--extra", metavar="NAME=FILE", help="lyrics, cover, score ...; repeat it.")
    ] = None,
    shelf: shared.ShelfFolder = None,
) -> None:
    """Put FILE on the shelf, in clear, and into the catalogue. Each buyer gets a copy of his own, packed when he asks.

    \b
      ringcast shop title add song.mp3 --price 30 --taste Jazz --extra lyrics=words.txt --db shop.db

    Exit status: 0; 1 where it cannot be done, and a line says why; nothing is sold then.
    """
    from headend.accounts.engine import transaction
    from headend.shop import catalogue, groups

    extras = shared.read_extras(extra or [])
    engine = shared.open_books(db, make=True)
    place = shared.shelf_of(db, shelf)
    original = place.add(source, extras)
    try:
        texts = original.texts()
        called = name or texts.get("title") or source.stem
        with transaction(engine) as connection:
            group = None if taste_ is None else groups.group_named(connection, taste_)
            values = (called, price, group, original.file, original.digest, texts, _now_ms())
            number = catalogue.add_title(connection, *values)
    except BaseException:
        place.forget(original)
        raise
    typer.echo(f"title {number}: {called}, {price} units")


@title.command("list")
def title_list(db: Db, json_: shared.AsJson = False) -> None:
    """What is sold, by number."""
    from headend.accounts.engine import transaction
    from headend.shop.catalogue import PAGE, Offer, directory

    found: list[Offer] = []
    with transaction(shared.open_books(db)) as connection:
        while page := directory(connection, after=len(found)):
            found += page
            if len(page) < PAGE:
                break
    shared.show(
        found,
        json_,
        [
            ("title", lambda one: one.title),
            ("name", lambda one: one.name),
            ("price", lambda one: one.price),
            ("taste", lambda one: one.taste or ""),
            ("extras", lambda one: " ".join(one.extras)),
        ],
    )


@title.command("copy")
def title_copy(
    login: Login,
    number: Annotated[int, typer.Argument(metavar="TITLE", help="Its number.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write, whole or not at all.")],
    db: Db,
    shelf: shared.ShelfFolder = None,
    master_key: MasterKeyFile = None,
) -> None:
    """Write the copy that a buyer downloads, without its key: to look at, or to hand it over on a disk."""
    import shutil

    from headend.files import together

    shop = shared.open_shop(db, master_key)
    user = shared.user_named(shop.engine, login)
    copy = shared.shelf_of(db, shelf).copy_of(shop.engine, shop.right(user, number), user)
    with together() as files, copy.open("rb") as source:
        shutil.copyfileobj(source, files.open(target), 1 << 20)


@taste.command("set")
def taste_set(name: Name, db: Db, price: Price = 0) -> None:
    """Make a subscription, or change what joining costs."""
    from headend.accounts.engine import transaction
    from headend.shop.groups import set_group

    with transaction(shared.open_books(db, make=True)) as connection:
        set_group(connection, name, price)


@account.command("new")
def account_new(login: Login, db: Db, master_key: MasterKeyFile = None) -> None:
    """Make an account; the password is read from the terminal, or is the first line of standard input."""
    password = shared.read_password()
    typer.echo(f"user {shared.open_shop(db, master_key).register_user(login, password, _now_ms())}")


@account.command("show")
def account_show(login: Login, db: Db, json_: shared.AsJson = False) -> None:
    """A user's transactions, oldest first, the balance behind them."""
    from headend.accounts.engine import transaction
    from headend.shop.ledger import transactions_of

    engine = shared.open_books(db)
    user = shared.user_named(engine, login)
    with transaction(engine) as connection:
        found = transactions_of(connection, user)
    shared.show(
        found,
        json_,
        [
            ("no.", lambda one: one.transaction),
            ("at (UTC)", lambda one: shared.instant(one.at_ms)),
            ("kind", lambda one: one.kind),
            ("units", lambda one: f"{one.units:+}"),
            ("for", lambda one: one.note),
            ("takes back", lambda one: one.reverses or ""),
        ],
    )
    if not json_:
        typer.echo(f"balance: {sum(one.units for one in found)} units")


@account.command("refund")
def account_refund(
    login: Login,
    number: Annotated[int, typer.Argument(metavar="TITLE", help="Its number.")],
    db: Db,
    master_key: MasterKeyFile = None,
) -> None:
    """Take a purchase back: the units return by a counter-entry, and the right ends."""
    shop = shared.open_shop(db, master_key)
    typer.echo(f"{shop.refund(shared.user_named(shop.engine, login), number, _now_ms())} units given back")


@seller.command("add")
def seller_add(
    name: Name,
    public_key: Annotated[str, typer.Argument(metavar="KEY", help="The seller's public key: 64 hex digits.")],
    db: Db,
) -> None:
    """Believe this seller's notices from now on; prints the number that it must sign with."""
    from headend.accounts.engine import transaction
    from headend.shop.orders import add_seller

    with transaction(shared.open_books(db, make=True)) as connection:
        typer.echo(f"seller {add_seller(connection, name, shared.octets(public_key))}")


@seller.command("revoke")
def seller_revoke(number: Annotated[int, typer.Argument(metavar="SELLER", min=1)], db: Db) -> None:
    """Believe this seller's notices no more; what they have credited stays."""
    from headend.accounts.engine import transaction
    from headend.shop.orders import revoke_seller

    with transaction(shared.open_books(db)) as connection:
        revoke_seller(connection, number, _now_ms())


@app.command()
def audit(db: Db) -> None:
    """Whether the books are right: every transaction sums to zero, balances and rights are what the entries say.

    Exit status: 0 they are; 1 they are not, and lines say what is wrong.
    """
    from headend.accounts.engine import transaction
    from headend.shop.ledger import audit as audited

    with transaction(shared.open_books(db)) as connection:
        wrong = audited(connection)
    for line in wrong:
        typer.echo(line)
    if wrong:
        fail(f"{len(wrong)} faults in the books")
    typer.echo("the books are right")
