"""docs/protocols/shop.md and docs/shop.md against the code, and every notice that is none."""

import random
import re
from pathlib import Path

from headend.shop import clients, ledger, notice, orders
from headend.shop.refusals import BAD_NOTICE, REFUSALS, Refused
from settop.services.shop import words as words_module
from settop.services.shop.states import ERRAND

FIRMWARE = Path(__file__).parents[2] / "firmware/settop/services/shop"
DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "protocols/shop.md").read_text(encoding="utf-8")
SHOP = (DOCS / "shop.md").read_text(encoding="utf-8")


def example():
    text = re.sub(r"\n +", "", PAGE.split("```text\n")[1].split("```")[0])
    return dict(re.split(r": +", line, maxsplit=1) for line in text.splitlines())


def test_example_is_what_both_ends_say():
    said = example()
    seed = bytes.fromhex(said["private key"])
    one = notice.Notice(int(said["seller"]), bytes.fromhex(said["order"]), int(said["units"]), int(said["issued"]))
    assert notice.sign(one, seed).hex() == said["notice"]
    assert notice.public_key(seed).hex() == said["public key"]
    data = bytes.fromhex(said["notice"])
    notice.verify(data, bytes.fromhex(said["public key"]))
    assert notice.read(data) == one


def test_page_has_the_fields_and_times():
    rows = re.findall(r"^\| (\d+) \| (\w+) \|", PAGE, re.M)
    assert sum(int(size) for size, _ in rows) == notice.BYTES == 105
    assert [name for _, name in rows] == ["magic", "version", "seller", "order", "units", "issued", "signature"]
    assert f"{orders.VALID_MS // 86_400_000} days" in PAGE and f"{orders.AHEAD_MS // 60_000} minutes" in PAGE
    assert f"after {clients.RENEWAL_MS // 86_400_000} days" in SHOP


def test_page_has_what_the_terminal_says_and_its_states():
    section = SHOP.split("## On the terminal\n")[1].split("\n## ")[0]
    tables = [table.splitlines() for table in re.findall(r"(?:^\|.*\|\n)+", section, re.M)]
    words, events, states = (
        [[cell.strip() for cell in row.strip("|").split("|")] for row in one[2:]] for one in tables
    )
    rows = [(state, given, action, target) for state, given, action, target in states]
    assert rows == list(ERRAND)
    said = {word.split()[0] for row in words for word in re.findall(r"`([a-z].*?)`", row[0])}
    source = (FIRMWARE / "words.py").read_text()
    assert said == set(re.findall(r"`(\w+)[^`]*`", source.split('"""')[1].split("\n\n")[1]))
    assert {word for word, *_ in words_module._ASKED} <= said
    told = {name for row in events for name in re.findall(r"`(shop_\w+)", row[0])}
    spoken = {name for path in FIRMWARE.glob("*.py") for name in re.findall(r'"(shop_\w+)', path.read_text())}
    assert told == spoken - {"shop_channel"}


def test_page_has_the_refusals():
    rows = re.findall(r"^\| `([a-z-]+)` \| (\d{3}) \| (.+) \|$", PAGE, re.M)
    assert {code: (int(status), text) for code, status, text in rows} == REFUSALS


def test_page_has_the_ledgers_kinds():
    assert re.findall(r"^\| `(\w+)` \|", SHOP, re.M) == list(ledger.KINDS)


def test_random_octets_are_no_notice(cases):
    draw = random.Random(1)
    good = bytes.fromhex(example()["notice"])
    key = bytes.fromhex(example()["public key"])
    for _ in cases(300):
        data = bytearray(good if draw.random() < 0.8 else draw.randbytes(draw.randrange(200)))
        for _ in range(draw.randrange(1, 4)):
            if data:
                data[draw.randrange(len(data))] = draw.randrange(256)
        if draw.random() < 0.2:
            data = data[: draw.randrange(len(data) + 1)] + draw.randbytes(draw.randrange(3))
        if bytes(data) == good:
            continue
        try:
            notice.read(bytes(data))
            notice.verify(bytes(data), key)
        except Refused as refusal:
            assert refusal.code == BAD_NOTICE
        else:
            raise AssertionError(bytes(data).hex())
