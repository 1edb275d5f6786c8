"""Named mutants of what sells streams: who pays, once, for which title, and what is told of it."""

from tests.soak.mutants import Mutant

SALES = ("tests/host/test_stream_sales.py",)
RACES = ("tests/host/test_stream_sales_races.py",)
OPTIONS = ("tests/host/test_stream_title_options.py",)
WINDOW = ("tests/host/test_stream_window.py",)
BUYING = "host/headend/stream/sales/buying.py"

MUTANTS = (
    Mutant(
        "what was bought is charged again",
        BUYING,
        "    if had := _read(connection, standing):\n        return had[0], False\n",
        "    had = _read(connection, standing)\n",
        SALES,
    ),
    Mutant(
        "a stream's price that changed is taken all the same",
        BUYING,
        "    if price is not None and price != offered.price:\n        raise Refused(PRICE_CHANGED)\n",
        "",
        SALES,
    ),
    Mutant(
        "a token without the units for it",
        BUYING,
        "    if offered.price and not money.pay(connection, user.account_id, offered.price):\n",
        "    if offered.price and money.pay(connection, user.account_id, offered.price) and False:\n",
        SALES,
    ),
    Mutant(
        "one title's token by another one's time limit",
        BUYING,
        ".where(StreamLimit.limit_id == limit_id, StreamLimit.stream_id == stream_id)",
        ".where(StreamLimit.limit_id == limit_id)",
        SALES,
    ),
    Mutant(
        "free titles are entries of the ledger",
        BUYING,
        "    if offered.price:\n        lines",
        "    if True:\n        lines",
        SALES,
    ),
    Mutant(
        "records of tokens that have ended stay for ever",
        BUYING,
        "    forget_expired(connection, user_id, now_ms)\n",
        "",
        SALES,
    ),
    Mutant(
        "a withdrawn time limit is sold",
        BUYING,
        "    if offered.gone or offered.withdrawn:\n",
        "    if offered.gone:\n",
        SALES,
    ),
    Mutant(
        "each server has a token key of its own",
        "host/headend/stream/token_key.py",
        "    parts = [shared_secret(engine, vault, name, secrets.token_bytes(count)) for name, count in _PARTS]\n",
        "    parts = [secrets.token_bytes(count) for _, count in _PARTS]\n",
        SALES + RACES,
    ),
    Mutant(
        "a token is told to whoever prints its ticket",
        "host/headend/stream/sales/core.py",
        "    token: str = field(repr=False)\n",
        "    token: str = field()\n",
        SALES,
    ),
    Mutant(
        "a shell runs what a login says",
        "host/headend/stream/sales/core.py",
        "return shlex.join(words)",
        'return " ".join(words)',
        WINDOW,
    ),
    Mutant(
        "links lead out of the titles' folder",
        "host/headend/stream/title_options.py",
        "    if not place.is_relative_to(folder):\n",
        "    if False:\n",
        OPTIONS,
    ),
    Mutant(
        "options that nobody knows are passed over",
        "host/headend/stream/title_options.py",
        '        if table:\n            raise self._wrong(f"{where}{next',
        '        if False:\n            raise self._wrong(f"{where}{next',
        OPTIONS,
    ),
)
