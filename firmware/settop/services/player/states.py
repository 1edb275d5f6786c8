"""State table of the dock's end at a portable player (`core.py`). docs/protocols/dock.md is checked against it.

States
    alone     no terminal greets
    greeted   one did, and the player named itself
    met       the terminal has shown that it knows the pair's key: what it asks is done

Inputs: what comes (hello, proof, again: the proof that was taken, ask, piece), silent (nothing came for long), wrong (a
proof that is none). Inputs that a state does not list are refused and counted. Actions are methods of DockPlayer.
"""

# (state, input, action, next state)
TABLE = (
    ("alone", "hello", "_greet", "greeted"),
    ("greeted", "hello", "_greet", "greeted"),
    ("greeted", "proof", "_prove", "met"),
    ("greeted", "wrong", "_forget", "alone"),
    ("greeted", "silent", "_forget", "alone"),
    ("met", "again", "_prove_again", "met"),
    ("met", "hello", "_meet_anew", "greeted"),
    ("met", "ask", "_ask", "met"),
    ("met", "piece", "_piece", "met"),
    ("met", "silent", "_leave", "alone"),
)
