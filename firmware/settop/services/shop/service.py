"""The shop as a service: accounts, units, purchases and downloads, by the console's word `shop` (docs/shop.md).

Nothing of it is loaded before that word is said, and on a board it leaves memory when what was wanted is done: keys and
titles that it brought belong to the service `titles`.
"""

import sys
from gc import collect

from settop.errors import LocalError

COMMANDS = ("shop",)
NO_MEMORY = "there is no memory for it"
_WHO = "shop"


def make(terminal):
    """See settop.services.face."""
    return ShopService(terminal)


class ShopService:
    """See settop.services.face; `terminal` is what that says. `errand`: what is under way, or None."""

    COMMANDS = COMMANDS
    opener = None

    def __init__(self, terminal):
        self.refused = 0
        self.errand = None
        self._terminal = terminal

    @property
    def busy(self):
        return "" if self.errand is None else "the shop is at work: say shop cancel first"

    def command(self, words, now_ms):
        try:
            if words[1:] == ["cancel"]:
                if self.errand is None:
                    raise LocalError("the shop is not at work")
                self.errand.give_up("given up", now_ms)
            elif self.busy:
                raise LocalError(self.busy)
            else:
                collect()
                from settop.services.shop.words import obey

                self.errand = obey(self._terminal, words, now_ms)
        except MemoryError:
            raise LocalError(NO_MEMORY)
        finally:
            self._tidy()

    def step(self, now_ms):
        errand = self.errand
        if errand is None:
            return None
        try:
            due_ms = errand.step(now_ms)
        except MemoryError:
            errand.give_up(NO_MEMORY, now_ms)
        if errand.state == "idle":
            self.refused += errand.refused
            self._tidy()
            return None
        return due_ms

    def on_event(self, event, now_ms):
        """The broadcast is none of its business."""

    def status(self):
        return "shop=" + ("idle" if self.errand is None else self.errand.state)

    def progress(self):
        """(state of what is under way or "", octets of a title on its way that are here, of how many or 0)."""
        return ("", 0, 0) if self.errand is None else self.errand.progress()

    def stop(self):
        if self.errand is not None:
            self.errand.close()

    def _tidy(self):
        """Leaves memory where nothing is under way."""
        if self.errand is not None and self.errand.state != "idle":
            return
        self.errand = None
        if sys.implementation.name == "micropython":
            from settop.keystore.keystore import unload

            here = "settop.services.shop."
            unload(*[name for name in list(sys.modules) if name.startswith(here) and name != here + "service"])
            unload("settop.wire.shop", "settop.wire.shop_channel", "settop.titles.look", "settop.titles.files")
            collect()
