"""The panel without IO or clock: which page is shown, what its rows are, and what a stroke says to the other services.

`pages.py` has every page. What it cannot know is behind `reach` (reach.py): runs(service), say(words), titles(first),
right(values), and what the other services do at the moment.
"""

from settop.errors import RingcastError
from settop.services.panel import pages
from settop.services.panel.screen import wrapped
from settop.wire.console import value

MOST = 24
"""Rows of a list that are in memory at a time."""
MORE = "more..."
_TEXT_AT = {"shop_title": 4, "shop_taste": 2}  # how many blanks stand before the name in an event's text
_TITLE_EVENTS = ("title_failed", "title_dark", "title_ended", "title_stopped", "title_playing")


class Panel:
    """See above. `page`: its name; `values`: of what was chosen, by name."""

    def __init__(self, reach, rows=4, columns=20):
        self.page = "home"
        self.values = {}
        self._reach = reach
        self._height = rows
        self._columns = columns
        self._at = 0  # the row of the menu that the cursor is on
        self._kept_at = {}  # of pages that lead to the one that is shown
        self._lists = {}  # rows of lists, by what fills them
        self._asked = {}  # what was said for each, for the rest of it
        self._filling = None  # a list that comes piece by piece
        self._first = self._count = 0  # rows of the list that were passed over; that came
        self._waits = False  # an outcome counts
        self._text = []
        self._behind = ""  # the page that is read
        self._right = ""
        self._sound = ""  # how the last title ended

    # --- what comes ---------------------------------------------------------------------------------------------------

    def stroke(self, name):
        """One of buttons.NAMES."""
        kind = pages.page_of(self.page)[1]
        for row in pages.STROKES:
            if row[0] == kind and row[1] == name:
                getattr(self, row[2])()

    def told(self, event, text):
        """A line of the console (settop.wire.console)."""
        if event in _TITLE_EVENTS:
            self._sound = "" if event == "title_playing" else text if event in _TITLE_EVENTS[:2] else event[6:]
        if not self._waits:
            return
        fill = pages.page_of(self.page)[5]
        if event == fill:
            self._add([_field(event, text, name) for name in pages.fields_of(fill)])
        for row in pages.OUTCOMES:
            if row[0] == event and row[1] in ("", self.page):
                self._outcome(row, text)
                return

    def step(self):
        """A row of a list that comes piece by piece. Whether there may be more of it."""
        if self._filling is None:
            return False
        try:
            found = next(self._filling)
            if found is not None:
                self._add(found)
        except StopIteration:
            self._filling = None
            self._all_came()
        except (RingcastError, OSError) as error:
            self._filling = None
            self._say_text(str(error), pages.page_of(self.page)[3])
        return self._filling is not None

    def give_up(self):
        """There was no memory for a list that was coming."""
        self._filling = None
        self._waits = False

    def view(self):
        """(mark, text, moves) of each row, for settop.services.panel.screen."""
        _, kind, heading, _, told, fill, _ = pages.page_of(self.page)
        if kind == "text":
            return [("", line, False) for line in self._text[self._at : self._at + self._height]]
        top = [("", self._filled_in(heading), True)]
        if told:
            top.append((" ", self._told(told), True))
        rows = [row[0] for row in self._rows()]
        if fill and not rows:
            top.append((" ", "..." if self._filling is not None or self._waits else "nothing", False))
        top = top[max(0, len(top) - self._height + (1 if rows else 0)) :]
        room = self._height - len(top)
        self._at = max(0, min(self._at, len(rows) - 1))
        first = max(0, min(self._at - room // 2, len(rows) - room))
        return top + [
            (">" if number == self._at else " ", rows[number], number == self._at)
            for number in range(first, min(len(rows), first + room))
        ]

    # --- strokes ------------------------------------------------------------------------------------------------------

    def _up(self):
        self._at = max(0, self._at - 1)

    def _down(self):
        if pages.page_of(self.page)[1] == "text":
            most = len(self._text) - self._height
        else:
            most = len(self._rows()) - 1
        self._at = max(0, min(self._at + 1, most))

    def _choose(self):
        rows = self._rows()
        if self._at >= len(rows):
            return
        _, words, then, chosen = rows[self._at]
        if chosen is not None:
            fill = pages.page_of(self.page)[5]
            if chosen[0] == MORE:
                self._go_on_filling(fill)
                return
            self.values.update(zip(pages.fields_of(fill), chosen))
        if then == "-":
            self._leave()
        elif self._said(words):
            self._asked[then] = self._words(words)
            self._enter(then, bool(words))

    def _leave(self):
        _, _, _, behind, _, _, words = pages.page_of(self.page)
        if self._waits and words and self._reach.at_work():
            self._waits = False
            self._said(words)
        if behind or self.page == "said":
            self._enter(behind or self._behind, False, True)

    # --- pages --------------------------------------------------------------------------------------------------------

    def _enter(self, name, waits, back=False):
        if name == self.page:  # its rows are other ones now
            self._at = 0
            return
        if not back:
            self._kept_at[self.page] = self._at
        self.page = name
        self._at = self._kept_at.get(name, 0) if back else 0
        self._filling = None
        self._waits = waits or (name in ("transfer", "download") and self._reach.moves(name))
        _, _, _, behind, told, fill, _ = pages.page_of(name)
        if behind in ("", "home") and name != "said" and not fill:
            self._lists = {}
        if fill and not (back and fill in self._lists):
            self._first = 0
            self._fill(fill)
        if told == "right":
            self._right = self._reach.right(self.values)

    def _fill(self, fill):
        self._lists[fill] = []
        self._count = 0
        if fill == "titles":
            self._filling = self._reach.titles()

    def _go_on_filling(self, fill):
        self._first += MOST
        self._at = 0
        if fill == "titles" or self._said(self._asked.get(self.page)):
            self._waits = fill != "titles"
            self._fill(fill)

    def _add(self, row):
        rows = self._lists[pages.page_of(self.page)[5]]
        if self._first <= self._count < self._first + MOST:
            rows.append(row)
        self._count += 1

    def _all_came(self):
        self._waits = False
        if self._count > self._first + MOST:
            self._lists[pages.page_of(self.page)[5]].append((MORE,))

    def _outcome(self, row, text):
        _, _, then, says = row
        if says == "all":
            self._all_came()
        elif then == "said":
            if says == "TEXT":
                words = text.split(" ")
                says = " ".join([word for word in words if word[:5] != "code=" and word[:8] != "wait_ms="])
            else:
                for name in ("units", "count"):
                    says = says.replace("{" + name + "}", value(text, name) or "?")
            self._say_text(says, pages.page_of(self.page)[3])
        elif then:
            if then == "bought":
                self._is_bought()
            self._enter(then, False)

    def _is_bought(self):
        self.values["bought"] = "1"
        for row in self._lists.get("shop_title", ()):
            if row[1:2] == [self.values["title"]]:
                row[3] = "1"

    def _say_text(self, text, behind):
        self._text = wrapped(text, self._columns)
        self._behind = behind
        self.page = "said"
        self._at = 0
        self._waits = False
        self._filling = None

    def _said(self, words):
        """Whether the services took these console words, or there are none; else it is shown why not."""
        if not words:
            return True
        page = self.page
        self._waits = False
        why = self._reach.say(self._words(words))
        if why:
            self._say_text(why, page)
            return False
        return True

    def _words(self, words):
        """With the values filled in, each still one word."""
        return words if isinstance(words, list) else [self._filled_in(word) for word in words.split(" ")]

    # --- rows ---------------------------------------------------------------------------------------------------------

    def _rows(self):
        """(text, console words, page then, what was chosen) of the page's rows that are there."""
        fill = pages.page_of(self.page)[5]
        found = []
        for page, text, where, words, then in pages.ROWS:
            if page != self.page or (where and not self._holds(where)):
                continue
            if fill:
                return [(row[0], words, then, row) for row in self._lists.get(fill, ())]
            found.append((self._filled_in(text), words, then, None))
        return found

    def _holds(self, where):
        """What ROWS say of a row: whether it is there."""
        values, reach = self.values, self._reach
        if where in ("copy", "file"):
            return bool(values.get("copy")) == (where == "copy")
        if where in ("bought", "for sale"):
            return (values.get("bought") == "1") == (where == "bought")
        if where in ("plays", "paused", "sounds"):
            return reach.sounds(where)
        if where == "at work":
            return bool(reach.at_work())
        if where in ("here", "copying"):
            return reach.moves("docked" if where == "here" else "transfer")
        return reach.runs(where)

    def _filled_in(self, text):
        """In one pass: a name that looks like {NAME} is a name."""
        parts = text.split("{")
        for number in range(1, len(parts)):
            name, _, rest = parts[number].partition("}")
            parts[number] = self.values.get(name, "?") + rest
        return "".join(parts)

    def _told(self, what):
        """What stands above a page's rows."""
        if what == "right":
            return self._right
        if what == "sound":
            return self._reach.sound() or self._sound or "nothing plays"
        if what == "price":
            return "yours already" if self.values["bought"] == "1" else self.values["price"] + " units"
        if what == "rent":
            return self.values["term"]
        if what == "copied how":
            return self.values["how"]
        if what == "is yours":
            return "is yours"
        return self._reach.told(what)


def _field(event, text, name):
    """What an event says under that name of FIELDS."""
    if name in ("name", "taste"):
        if event in _TEXT_AT:
            return text.split(" ", _TEXT_AT[event])[-1]
        return text.partition("name=")[2]
    if name == "term":
        from settop.services.panel.reach import term

        return term(value(text, "price"), value(text, "begins"), value(text, "ends"), value(text, "seconds"))
    return value(text, {"cost": "price", "how": "way"}.get(name, name)) or ""
