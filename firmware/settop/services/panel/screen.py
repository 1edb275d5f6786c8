"""What a small display of text shows, without IO: rows of a given width, of which one that is too long moves along."""

PAUSE_MS = 1200  # before a long row moves, and behind its end
STEP_MS = 400  # between one place and the next


class Screen:
    """rows, columns: of the display. `drawn`: what it shows, a text of `columns` characters at most for each row."""

    def __init__(self, rows=4, columns=20):
        self.rows = rows
        self.columns = columns
        self.drawn = [""] * rows
        self._lines = [("", "", False)] * rows
        self._at = 0  # how far the long rows have moved
        self._most = 0  # how far the longest does
        self._due_ms = None

    def show(self, lines, now_ms):
        """lines: (mark, text, moves) of each row, from the first on: the mark stays where it is, a text that is too
        long moves once from its beginning to its end, where it `moves`, and is cut where it does not."""
        lines = lines[: self.rows] + [("", "", False)] * (self.rows - len(lines))
        if lines == self._lines:
            return
        self._lines = lines
        self._at = 0
        self._most = max([len(text) + len(mark) - self.columns for mark, text, moves in lines if moves] + [0])
        self._due_ms = now_ms + PAUSE_MS if self._most else None

    def draw(self, now_ms):
        """The numbers of the rows that are other ones than at the last call."""
        if self._due_ms is not None and now_ms >= self._due_ms:
            self._move(now_ms)
        changed = []
        for number in range(self.rows):
            mark, text, moves = self._lines[number]
            width = self.columns - len(mark)
            at = max(0, min(self._at, len(text) - width)) if moves else 0
            row = mark + _plain(text[at : at + width])
            if row != self.drawn[number]:
                self.drawn[number] = row
                changed.append(number)
        return changed

    def due_ms(self):
        """When `draw` has something to do by itself, or None."""
        return self._due_ms

    def _move(self, now_ms):
        if self._at < self._most:
            self._at += 1
            self._due_ms = now_ms + (PAUSE_MS if self._at == self._most else STEP_MS)
        else:
            self._at = 0
            self._due_ms = None


def wrapped(text, columns):
    """The text in lines of that width, between words where it can be."""
    lines = [""]
    for word in text.split():
        while word:
            room = columns - len(lines[-1]) - (1 if lines[-1] else 0)
            if len(word) <= room:
                lines[-1] += (" " if lines[-1] else "") + word
                break
            if len(word) > columns and room > 0 and not lines[-1]:
                lines[-1] = word[:columns]
                word = word[columns:]
            lines.append("")
    return lines if lines[-1] or len(lines) == 1 else lines[:-1]


def _plain(text):
    """Without what would do something to a display, or end a row on the console."""
    return "".join([char if 32 <= ord(char) < 127 or ord(char) > 159 else " " for char in text]).replace("|", "/")
