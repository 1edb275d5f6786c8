"""docs/panel.md against the panel: each page's picture is what the display shows, with what is said on the console."""

from pathlib import Path

import pytest
from settop.services.panel import pages
from settop.services.panel.core import Panel
from settop.services.panel.reach import term
from settop.services.panel.screen import Screen

TEXT = (Path(__file__).parents[2] / "docs" / "panel.md").read_text()
OFFER = term("5", "0", "0", str(48 * 3600))


class Everything:
    """What the other services are at, in the pictures."""

    told_of = {
        "docked": "docked",
        "errand": "asking",
        "download": "downloading 12 of 340 KiB",
        "transfer": "sending 96 of 340 KiB",
    }

    def runs(self, service):
        return True

    def right(self, values):
        return "rented to 2027-01-15 08:00"

    def sounds(self, how):
        return how != "paused"

    def sound(self):
        return "plays"

    def at_work(self):
        return True

    def moves(self, what):
        return True

    def told(self, what):
        return self.told_of[what]


VALUES = {
    "name": "Take Five", "id": "titles/7-ab.mp4", "copy": "", "title": "7", "price": "30", "bought": "0", "how": "own",
    "term": OFFER, "offer": "9", "cost": "5", "taste": "Jazz",
}  # fmt: skip
LISTS = {
    "titles": (["Take Five"], ["So What"], ["Blue Train"]),
    "shop_taste": (["Jazz"], ["Songs"]),
    "shop_title": (["Take Five"], ["So What"], ["Blue Train"], ["Giant Steps"]),
    "shop_offer": ([OFFER],),
    "copy": (["7-ab12cd34.mp4"],),
}


def picture(name):
    """The page as the display shows it, in a frame."""
    panel = Panel(Everything())
    panel.page = name
    panel.values = dict(VALUES)
    panel._lists = {fill: list(rows) for fill, rows in LISTS.items()}
    panel._right = "rented to 2027-01-15 08:00"
    if name == "said":
        panel._say_text("there are 5 units, and it takes 30", "ware")
    screen = Screen()
    screen.show(panel.view(), 0)
    screen.draw(0)
    edge = "+" + "-" * screen.columns + "+"
    return "\n".join([edge, *(f"|{row:{screen.columns}}|" for row in screen.drawn), edge])


@pytest.mark.parametrize("name", [page[0] for page in pages.PAGES])
def test_each_page_has_its_picture(name):
    assert f"### {name}\n" in TEXT, "no heading"
    section = TEXT.split(f"### {name}\n")[1].split("\n##")[0]
    assert picture(name) in section, "\n" + picture(name)


def test_no_picture_is_of_a_page_that_is_none():
    named = [line[4:] for line in TEXT.split("\n") if line.startswith("### ")]
    assert named == [page[0] for page in pages.PAGES]


@pytest.mark.parametrize("name", [page[0] for page in pages.PAGES if page[1] != "text"])
def test_what_a_row_says_on_the_console_stands_beside_its_page(name):
    section = TEXT.split(f"### {name}\n")[1].split("\n##")[0]
    for page, _, _, words, _ in pages.ROWS:
        if page == name and words:
            plain = words
            for field in VALUES:
                plain = plain.replace("{" + field + "}", field.upper())
            assert f"`{plain}`" in section, plain
