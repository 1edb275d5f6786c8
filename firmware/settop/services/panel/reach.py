"""What the panel has of the other services: what they publish, and their console words."""

from settop.errors import FLASH_REFUSED, LocalError, RemoteError, RingcastError

_STATES = {
    "idle": "",
    "waking": "begins",
    "playing": "plays",
    "paused": "paused",
    "seeking": "looks for the place",
    "fading": "ends",
    "ending": "plays to its end",
    "stopping": "stops",
}
_WAYS = ("", "as bought", "key of its own", "every tenth octet")  # as settop.wire.dock has them


class Reach:
    """terminal: see settop.services.face. `now_ms`: of this turn."""

    def __init__(self, terminal):
        self.now_ms = 0
        self._terminal = terminal
        self._services = terminal.services

    def runs(self, service):
        return self._services.get(service) is not None

    def say(self, words):
        """A console line for the other services: "" where one took it, else why not, which is told there too."""
        try:
            if self._services.command(words, self.now_ms):
                return ""
            why = "no service knows the word " + words[0]
        except RingcastError as error:
            why = str(error)
        except OSError as error:
            why = FLASH_REFUSED % error
        self._terminal.report("error", why)
        return why

    # --- titles -------------------------------------------------------------------------------------------------------

    def titles(self):
        """Gives a list of a title's name, what `hear` or `play` takes, and how a player has it ("": a file), or None
        where there is more to be read first. RemoteError, OSError: a copy's record, or the flash."""
        from settop.titles.about import name_of

        player = self._services.get("player")
        if player is not None:
            from settop.wire.dock import TENTH

            for copy in player.copies():
                name, way = None, _WAYS[copy.way]
                if copy.way != TENTH:  # of which the octets are no title
                    for name in name_of(player.open_copy, copy.id.hex()):
                        yield None
                yield [name or copy.name, copy.id.hex(), way]
            return
        from settop.titles.files import files_of

        for title, path in files_of(self._terminal.board).all():
            name = None
            for name in name_of(self._open, path):
                yield None
            yield [name or "Title %d" % title, path, ""]

    def right(self, values):
        """What may be done with the title, for people."""
        if values["copy"]:
            return "own, " + values["copy"]
        from settop.titles.about import kid_of

        try:
            kid = kid_of(self._open, values["id"])
            titles = self._services.get("titles")
            return "own" if not kid else titles.keys.standing(kid, self.now_ms)
        except (LocalError, RemoteError) as error:
            return str(error)
        except OSError as error:
            return FLASH_REFUSED % error

    def _open(self, path):
        return getattr(self._terminal.board, "open", open)(path, "rb")

    def sounds(self, how):
        """Whether a title "plays", is "paused", or either ("sounds")."""
        titles = self._services.get("titles")
        state = "idle" if titles is None else titles.state
        if how == "sounds":
            return state not in ("idle", "stopping")
        return state == ("playing" if how == "plays" else how)

    def sound(self):
        titles = self._services.get("titles")
        return "" if titles is None else _STATES.get(titles.state, titles.state)

    # --- shop and dock ------------------------------------------------------------------------------------------------

    def at_work(self):
        """Whether the shop has something under way."""
        shop = self._services.get("shop")
        return shop is not None and shop.errand is not None

    def moves(self, what):
        """Whether there is a "download" or a "transfer" under way, or a player "docked"."""
        if what == "download":
            return self.at_work()
        dock = self._services.get("dock")
        if dock is None:
            return False
        return dock.player is not None if what == "docked" else dock.transfer is not None

    def told(self, what):
        """How far it is with "errand", "download", "transfer"; whether a player is "docked"."""
        if what == "docked":
            dock = self._services.get("dock")
            return "docked" if dock is not None and dock.player is not None else "no player is docked"
        state, here, whole = "", 0, 0
        service = self._services.get("dock" if what == "transfer" else "shop")
        if service is not None and what != "transfer":
            state, here, whole = service.progress()
        elif service is not None and service.transfer is not None:
            state, here, whole = service.phase, service.transfer.made, service.transfer.size
        if not whole:
            return state or "nothing under way"
        return "%s %d of %d KiB" % (state, here // 1024, (whole + 1023) // 1024)


def term(price, begins, ends, seconds):
    """An offer with an end in words, from what `shop_offer` says."""
    from settop.titles.dates import date

    begins, ends, seconds = int(begins), int(ends), int(seconds)
    words = "%s units" % price
    if seconds:
        words += ", %d h from first play" % ((seconds + 3599) // 3600)
    if begins:
        words += ", from " + date(begins)
    if ends:
        words += ", to " + date(ends)
    return words
