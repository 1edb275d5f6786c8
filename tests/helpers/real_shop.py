"""The head-end's shop behind the server of the terminal's rig (tests/vectors/shop_rig.py)."""

import hashlib
import sys
from pathlib import Path

from headend.accounts.engine import transaction
from headend.shop import catalogue
from headend.shop.channel_requests import Content
from headend.shop.delivering import Shelf

from tests.helpers.shop import NOW
from tests.helpers.shop_channel import Ends
from tests.helpers.tunes import tune

sys.path.append(str(Path(__file__).parent.parent / "vectors"))
from app_rig import KEY as DEVICE_KEY
from shop_rig import Shop
from titles_rig import TERMINAL_ID


class RealShop(Shop):
    """The head-end's channel and shelf behind the rig's server. `listened`: all that went over the line."""

    def __init__(self, folder):
        super().__init__()
        self.ends = Ends()
        self.ends.known[TERMINAL_ID] = DEVICE_KEY
        self.ends.far._requests._locate = self.locate
        self.ends.far._requests._place = self.place
        self.stall = self.ends.stall
        self.shelf = Shelf(folder / "shelf")
        self.now_ms = NOW
        self.listened = b""
        self.copies = {}

    def answer(self, message):
        answer = self.ends.far.answer(bytes(message), self.now_ms)
        self.listened += message + answer
        return answer

    def locate(self, bought, user):
        octets = self.shelf.copy_of(self.stall.engine, bought, user).read_bytes()
        path = f"/copies/{bought.title}-{user}"
        self.copies[path] = octets
        return Content(path, len(octets), hashlib.sha256(octets).digest())

    def place(self, unit):
        self.copies[unit.path] = self.stall.codec_octets(unit.digest)
        return unit.path

    def _give(self, line, head):
        self.content = self.copies[head.split(" ")[1]]
        super()._give(line, head)

    def sell(self, name, price, group=None, source=None):
        """A title's number; of a tune where there is no `source`."""
        original = self.shelf.add(source or tune("aac"), {"title": name.encode()})
        with transaction(self.stall.engine) as connection:
            values = (name, price, group, original.file, original.digest, original.texts(), NOW)
            return catalogue.add_title(connection, *values)
