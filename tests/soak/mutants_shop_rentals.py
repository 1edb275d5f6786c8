"""Named mutants of titles for a time: what is sold, for how long it holds, and what people and programs are told."""

from tests.soak.mutants import Mutant

CORE = ("tests/host/test_shop_rentals.py",)
WEB = ("tests/host/test_shop_web_rentals.py",)
WINDOW = ("tests/host/test_shop_window_rentals.py",)

MUTANTS = (
    Mutant(
        "a rent is not for the price that was seen",
        "host/headend/shop/buying.py",
        "    if price is not None and price != costs:",
        "    if price is not None and offer is None and price != costs:",
        CORE,
    ),
    Mutant(
        "a rent costs what the title costs for good",
        "host/headend/shop/buying.py",
        "    costs = title.price if rental is None else rental.price",
        "    costs = title.price",
        CORE,
    ),
    Mutant(
        "who rents twice pays twice",
        "host/headend/shop/buying.py",
        "        if had.term is None or (runs and offer == title.rental_id):",
        "        if had.term is None:",
        CORE,
    ),
    Mutant(
        "another offer takes the place of a right that runs",
        "host/headend/shop/buying.py",
        "        if runs and offer is not None:",
        "        if False:",
        CORE,
    ),
    Mutant(
        "a right with an end is bought with a subscription's key",
        "host/headend/shop/buying.py",
        "    if rental is None and title.group_id is not None",
        "    if title.group_id is not None",
        CORE,
    ),
    Mutant(
        "a right that follows another one has another key",
        "host/headend/shop/buying.py",
        "        return had.kid, had.key\n",
        "        pass\n",
        CORE,
    ),
    Mutant(
        "an ended right stays in the books",
        "host/headend/shop/buying.py",
        "    ledger.book(connection, ledger.END, user_id, now_ms, lines,",
        "    ledger.book(connection, ledger.END, user_id, now_ms, [],",
        CORE,
    ),
    Mutant(
        "a right with an end is over never",
        "host/headend/shop/buying.py",
        "        return self.until_ms is not None and now_ms >= self.until_ms",
        "        return False",
        CORE,
    ),
    Mutant(
        "each delivery gives the whole time",
        "host/headend/shop/rentals.py",
        "Terms.right_id == right_id, Terms.delivered_ms.is_(None))",
        "Terms.right_id == right_id)",
        CORE,
    ),
    Mutant(
        "the end is not known from the first delivery on",
        "host/headend/shop/rentals.py",
        "until_ms=min(ends)",
        "until_ms=ends_ms or None",
        CORE,
    ),
    Mutant(
        "a withdrawn offer is sold",
        "host/headend/shop/rentals.py",
        "        Rental.withdrawn.is_(False),\n",
        "",
        CORE,
    ),
    Mutant(
        "an offer whose time is over is sold",
        "host/headend/shop/rentals.py",
        "        if not one.ends_ms or now_ms < one.ends_ms:",
        "        if True:",
        CORE,
    ),
    Mutant(
        "a title that is sold no more is seen by whose right has ended",
        "host/headend/shop/catalogue.py",
        "or_(Terms.until_ms.is_(None), Terms.until_ms > _NOW)",
        "or_(Terms.until_ms.is_(None), Terms.until_ms > 0 * _NOW)",
        CORE,
    ),
    Mutant(
        "an ended right counts as bought",
        "host/headend/shop/catalogue.py",
        "            bought = right_id is not None and (until_ms is None or now_ms < until_ms)",
        "            bought = right_id is not None",
        CORE,
    ),
    Mutant(
        "the catalogue by HTTP is of no time",
        "host/headend/shop/web/titles.py",
        "asked.words, asked.after, now_ms)",
        "asked.words, asked.after, 0)",
        WEB,
    ),
    Mutant(
        "a rent by HTTP is for good",
        "host/headend/shop/web/titles.py",
        "    bought, is_new = desk.shop.buy(user, title, now_ms, price, offer)",
        "    bought, is_new = desk.shop.buy(user, title, now_ms, price)",
        WEB,
    ),
    Mutant(
        "the list of rights knows no end",
        "host/headend/shop/web/titles.py",
        '        "over": bought.over(now_ms),',
        '        "over": False,',
        WEB,
    ),
    Mutant(
        "a licence to a right with an end",
        "host/headend/shop/web/titles.py",
        "    if bought.term is not None:",
        "    if False:",
        WEB,
    ),
    Mutant(
        "the window rents for good",
        "host/headend/shop/web/window/titles.py",
        'number_in(form, "offer", NUMBER_LIMIT) if "offer" in form else None',
        "None",
        WINDOW,
    ),
    Mutant(
        "the window's catalogue is of no time",
        "host/headend/shop/web/window/titles.py",
        "asked.words, asked.after, now_ms)",
        "asked.words, asked.after, 0)",
        WINDOW,
    ),
    Mutant(
        "the window sells what is sold no more",
        "host/headend/shop/web/window/templates/title.html.j2",
        "{% if title.sold and (title.term or not title.bought) %}",
        "{% if title.term or not title.bought %}",
        WINDOW,
    ),
    Mutant(
        "what has ended stands in the library as what has not",
        "host/headend/shop/web/window/accounts.py",
        "    titles = [one for one in found if not one.over(now_ms)]",
        "    titles = found",
        WINDOW,
    ),
)
