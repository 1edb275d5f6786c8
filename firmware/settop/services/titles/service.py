"""Titles as a service: plays one from the board's file system, or over the network, through the decoder chip.

Console (docs/titles.md): `play PATH`, `play URL`, `pause`, `resume`, `seek SECONDS`, `stop`; `licence BLOB` brings a
title's key, `licence forget KID` takes it away (licences.py). What it tells: `title_playing`, `title_paused`,
`title_resumed`, `title_ended`, `title_stopped`; `title_dark` where there is no key; `title_failed` and why, where the
title is damaged, or does not come, or there is no chip.

The state table is `states.py`. Nothing here waits, and nothing is allocated for a piece of a title.
"""

from gc import collect

from settop.codec.vs1053 import Vs1053
from settop.errors import LocalError, RemoteError
from settop.services.titles.keys import Keys
from settop.services.titles.states import TABLE
from settop.states import row_of
from settop.titles.reader import TitleReader

COMMANDS = ("play", "pause", "resume", "seek", "stop", "licence")
LOOK_MS = 10  # how soon there is room again: the decoder chip has 128 ms of 128 kbit/s
PIECES = 16  # in a turn: what is passed over (a cover, say) must not keep the others waiting
FADE_MS = 600  # what the chip holds of 32 kbit/s
STUCK_MS = 10000  # a chip that takes nothing for so long is none any more
LONGEST_S = 86400
NO_MEMORY = "there is no memory for it"


def make(terminal):
    """See settop.services.face."""
    return TitleService(terminal)


class TitleService:
    """See settop.services.face; `terminal` is what that says. `state`: one of those of `states.py`."""

    COMMANDS = COMMANDS
    opener = None

    def __init__(self, terminal):
        self.state = "idle"
        self.refused = 0
        self._terminal = terminal
        self._report = terminal.report
        self._chip = None  # once something is played
        self._source = self._reader = self._index = None
        self.keys = Keys(terminal)
        self._reading = None  # what makes the reader of a title that another service has
        self._now_ms = 0
        self._due_ms = 0  # while it fades
        self._from_ms = 0  # where it plays from
        self._why = self._ended = ""  # what is to be said of the title
        self._told = False  # that it is playing
        self._full = False  # the reader took nothing any more
        self._took_ms = 0  # when it took something

    # --- the viewer ---------------------------------------------------------------------------------------------------

    def command(self, words, now_ms):
        self._now_ms = now_ms
        verb = words[0]
        forgets = words[:2] == ["licence", "forget"]
        if len(words) != (3 if forgets else 2 if verb in ("play", "seek", "licence") else 1):
            raise RemoteError(
                "play takes a path or a URL, seek a number of seconds, licence hex digits or forget KID, others nothing"
            )
        try:
            if verb == "licence":
                self.keys.licences().command(words, self._terminal)
            elif verb == "play":
                self._play(words[1])
            elif verb == "seek":
                self._seek_to(words[1])
            else:
                self._check(verb)
                self._given(verb)
        except MemoryError:
            collect()
            raise LocalError(NO_MEMORY)

    @property
    def busy(self):
        return "" if self.state == "idle" else "a title is playing: say stop first"

    def status(self):
        return "title=" + self.state

    def on_event(self, event, now_ms):
        """The broadcast is none of its business."""

    def stop(self):
        self._close()
        if self._chip is not None:
            self._chip.cancel()

    def _check(self, verb):
        if row_of(TABLE, self.state, verb) is None:
            raise LocalError("no title plays" if self.state == "idle" else "%s: the title is %s" % (verb, self.state))

    def hear(self, name, open_file, reading, now_ms):
        """Plays what another service keeps: open_file(name, "rb") gives its octets, reading(sink) what reads them, with
        a TitleReader's face. LocalError: not now, not here, or there is none."""
        self._now_ms = now_ms
        self._prepare()
        from settop.services.titles.file_source import FileSource

        self._source = FileSource(open_file, name)
        self._reading = reading
        self._given("play")

    def _prepare(self):
        if row_of(TABLE, self.state, "play") is None:
            raise LocalError("a title is playing: say stop first")
        if self._chip is None:
            wires = self._terminal.codec()
            if wires is None:
                raise LocalError("this board has no decoder chip: it plays no titles")
            self._chip = Vs1053(wires)
        collect()
        self._reading = None

    def _play(self, name):
        self._prepare()
        if name.startswith(("http://", "https://")):
            from settop.services.titles.web_source import WebSource

            self._source = WebSource(self._terminal.services.get("network"), name, self._now_ms)
        else:
            from settop.services.titles.file_source import FileSource

            self._source = FileSource(getattr(self._terminal.board, "open", open), name)
        self._given("play")

    def _seek_to(self, text):
        if not 0 < len(text) <= 5 or text.strip("0123456789") or int(text) > LONGEST_S:
            raise RemoteError("seek takes seconds from the title's beginning: a number from 0 to %d" % LONGEST_S)
        self._check("seek")
        self._from_ms = 1000 * int(text)
        self._given("seek")

    # --- turns --------------------------------------------------------------------------------------------------------

    def step(self, now_ms):
        """Returns the time at which it wants to be called again at the latest, or None."""
        if self.state == "idle":
            return None
        self._now_ms = self.keys.now_ms = now_ms
        due_ms = self._chip.step(now_ms)
        try:
            return _earlier(due_ms, self._go_on(now_ms))
        except MemoryError:
            self._why = NO_MEMORY
            collect()
            self._given("wrong")
            return now_ms

    def _go_on(self, now_ms):
        state = self.state
        if state in ("playing", "paused", "seeking"):
            return self._move(now_ms)
        if state == "fading":
            if now_ms < self._due_ms:
                return self._due_ms
            self._given("faded")
            return now_ms
        chip = self._chip.state
        if state == "waking" and chip == "failed":
            self._why = "no decoder chip answers: look at its wires"
            self._given("wrong")
        elif state == "waking" and chip == "ready":
            self._given("ready")
        elif chip in ("ready", "failed"):
            self._given("over")
        else:
            return now_ms + LOOK_MS
        return now_ms

    def _move(self, now_ms):
        """A turn for the source, and what comes of it."""
        source = self._source
        if self.state == "playing" and not self._why:
            self._why = self.keys.over(now_ms)
        due_ms = source.step(now_ms)
        for _ in range(PIECES):
            if source.at == source.end:
                due_ms = source.step(now_ms)
                if source.at == source.end:
                    break
            if self._index is None:
                taken = self._take(source.piece, source.at, source.end)
            else:
                taken = self._take_beginning(source.piece, source.at, source.end)
            source.at += taken
            if not taken:
                due_ms = now_ms + LOOK_MS
                break
        else:
            due_ms = now_ms
        if not self._told and self._index is None and self._reader.samples():
            self._tell_playing()
        why = self._why or source.why
        if not why and self._index is not None:
            if self._index.place is not None and self._reader.playing:
                if self._chip.state not in ("ready", "failed"):
                    return now_ms + 1
                self._given("found")
                return now_ms
            if source.done and source.at == source.end:
                why = "the title ends before its index says where that is"
        elif not why and self.state == "playing":
            if source.done and source.at == source.end:
                return self._end_well(now_ms)
            if self._full and now_ms - self._took_ms > STUCK_MS:
                why = "the decoder chip takes nothing any more"
        if why:
            self._why = why
            self._given("wrong")
            return now_ms
        return due_ms

    def _end_well(self, now_ms):
        """All octets were taken; some may still wait for room in the chip."""
        try:
            if not self._reader.flush():
                return now_ms + LOOK_MS
            self._reader.finish()
        except RemoteError as error:
            self._why = str(error)
        self._given("wrong" if self._why else "whole")
        return now_ms

    def _take(self, octets, start, end):
        """Octets of the title, as far as there is room; none while it waits."""
        if self._why or self.state != "playing":
            return 0
        try:
            taken = self._reader.feed(octets, start, end)
        except RemoteError as error:
            self._why = str(error)
            return 0
        self._full = not taken
        if taken:
            self._took_ms = self._now_ms
        return taken

    def _take_beginning(self, octets, start, end):
        """The same while its index is looked for: the chip is closed, so of the media nothing is heard."""
        index, reader = self._index, self._reader
        if self._why or (index.place is not None and reader.playing):
            return 0
        try:
            if index.place is None:
                index.feed(octets, start, end)
            reader.feed(octets, start, end)
        except RemoteError as error:
            self._why = str(error)
            return 0
        return end - start

    # --- actions of the state table: each may return a state that replaces the table's --------------------------------

    def _given(self, given):
        row = row_of(TABLE, self.state, given)
        if row is not None:
            instead = getattr(self, row[2])() if row[2] else None
            self.state = instead or row[3]

    def _wake(self):
        self._why = ""
        self.keys.dark = False
        self._from_ms = 0
        if self._chip.state in ("off", "failed"):
            self._chip.start()

    def _begin(self):
        self._told = self.keys.dark = self._full = False
        self._took_ms = self._now_ms
        self._chip.resume()
        self._reader = self._new_reader()
        self._open(0)

    def _new_reader(self):
        return TitleReader(self.keys.find, self._chip) if self._reading is None else self._reading(self._chip)

    def _open(self, place):
        try:
            self._source.begin(place, self._now_ms)
        except (LocalError, RemoteError) as error:
            self._why = str(error)

    def _pause(self):
        self._chip.pause()
        self._report("title_paused")

    def _resume(self):
        self._chip.resume()
        self._full = False
        self._took_ms = self._now_ms
        self._report("title_resumed")

    def _seek(self):
        from settop.titles.index import Index

        self._chip.cancel()
        self._chip.pause()  # whatever the reader puts out until it is there
        if self._reader is not None:
            self._reader.close()
        self._told = self.keys.dark = self._full = False
        self._index = Index(self._from_ms)
        # A new one, for a unit may have a head to put in front, of which the chip knows nothing any more.
        self._reader = self._new_reader()
        self._open(0)

    def _jump(self):
        place, self._from_ms = self._index.place, self._index.begins_ms
        self._index = None
        self._reader.jump(place)
        self._chip.resume()
        self._took_ms = self._now_ms
        self._open(place)

    def _finish(self):
        reader = self._reader
        self._ended = "samples=%d damaged=%d" % (reader.samples(), reader.unit.damaged)
        self._close()
        self._chip.finish()

    def _end(self):
        self._report("title_ended", self._ended)

    def _stop(self):
        self._drop()
        self._chip.cancel()

    def _drop(self):
        self._close()
        self._report("title_stopped")

    def _fail(self):
        self._close()
        self._report("title_dark" if self.keys.dark else "title_failed", self._why)
        self._why = ""

    def _fade(self):
        """What was good is heard: the chip has some of it. Of a title that never began it has nothing."""
        heard = self._reader.samples()
        self._fail()
        self._due_ms = self._now_ms + FADE_MS
        return None if heard else "idle"

    def _cancel(self):
        self._chip.cancel()

    def _close(self):
        """Title and source are given back, and the key is wiped."""
        reader, source = self._reader, self._source
        self.keys.release()
        self._reader = self._source = self._index = None
        if reader is not None:
            reader.close()
        if source is not None:
            source.close(self._now_ms)

    def _tell_playing(self):
        self._told = True
        header = self._reader.header
        self._report(
            "title_playing",
            "ms=%d codec=%s rate=%d scheme=%s kid=%s"
            % (self._from_ms, header.codec, header.rate, header.scheme, header.kid.hex() or "none"),
        )


def _earlier(one_ms, other_ms):
    if one_ms is None or other_ms is None:
        return other_ms if one_ms is None else one_ms
    return min(one_ms, other_ms)
