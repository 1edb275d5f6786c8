"""State table of the player of titles (`service.py`). docs/titles.md is checked against it.

States
    idle       nothing plays
    waking     the decoder chip starts, or is not yet done with the title before
    playing    the title's octets go to its reader, and from there to the chip
    paused     they wait
    seeking    the title's beginning is read for its index, while the chip ends what it was playing
    fading     nothing comes any more that is good: what the chip has of it is heard
    ending     the title was given whole, and is played to its last sample
    stopping   the chip ends in the middle of a title

Inputs are the console's play, pause, resume, seek and stop, and what comes of them: ready and over (of the chip),
found (the place to go on from), whole (all of the title was taken), wrong (title, source or chip), faded. The
console's are refused in a state that does not list them, others ignored. Actions are methods of TitleService.
"""

# (state, input, action, next state)
TABLE = (
    ("idle", "play", "_wake", "waking"),
    ("stopping", "play", "_wake", "waking"),
    ("waking", "ready", "_begin", "playing"),
    ("waking", "stop", "_drop", "idle"),
    ("waking", "wrong", "_fail", "idle"),
    ("playing", "pause", "_pause", "paused"),
    ("playing", "seek", "_seek", "seeking"),
    ("playing", "stop", "_stop", "stopping"),
    ("playing", "whole", "_finish", "ending"),
    ("playing", "wrong", "_fade", "fading"),
    ("paused", "resume", "_resume", "playing"),
    ("paused", "seek", "_seek", "seeking"),
    ("paused", "stop", "_stop", "stopping"),
    ("paused", "wrong", "_fade", "fading"),
    ("seeking", "found", "_jump", "playing"),
    ("seeking", "seek", "_seek", "seeking"),
    ("seeking", "stop", "_stop", "stopping"),
    ("seeking", "wrong", "_fail", "stopping"),
    ("fading", "faded", "_cancel", "stopping"),
    ("fading", "stop", "_cancel", "stopping"),
    ("ending", "over", "_end", "idle"),
    ("ending", "stop", "_stop", "stopping"),
    ("stopping", "over", "", "idle"),
)
