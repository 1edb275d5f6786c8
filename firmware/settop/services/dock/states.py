"""State table of the dock's end at the terminal (`core.py`). docs/protocols/dock.md is checked against it.

States
    alone     nobody answers; a greeting goes out once in a while
    greeted   a player of the household named itself, and the terminal shows that it knows its key
    asking    something was asked, and is asked again until it is answered
    docked    nothing is wanted; a ping goes out once in a while
    sending   the pieces of a copy go out

Inputs: what comes from the player (i_am, proven, answer, granted, wanted, no), what the owner wants (ask, end), silent
(it was asked often enough), wrong (a proof that is none), other (a player that is not to be opened). Inputs that a
state does not list are refused and counted. Actions are methods of DockTerminal.
"""

# (state, input, action, next state)
TABLE = (
    ("alone", "i_am", "_prove", "greeted"),
    ("alone", "other", "_turn_away", "alone"),
    ("alone", "no", "_hear_no", "alone"),
    ("greeted", "proven", "_open", "asking"),
    ("greeted", "wrong", "_distrust", "alone"),
    ("greeted", "no", "_lose", "alone"),
    ("greeted", "silent", "_lose", "alone"),
    ("asking", "answer", "_answered", "docked"),
    ("asking", "granted", "_begin", "sending"),
    ("asking", "no", "_lose", "alone"),
    ("asking", "silent", "_lose", "alone"),
    ("docked", "ask", "_ask", "asking"),
    ("docked", "no", "_lose", "alone"),
    ("sending", "wanted", "_move_on", "sending"),
    ("sending", "end", "_ask", "asking"),
    ("sending", "ask", "_ask", "asking"),
    ("sending", "no", "_lose", "alone"),
    ("sending", "silent", "_lose", "alone"),
)
