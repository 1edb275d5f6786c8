"""State table of the decoder chip's driver (`vs1053.py`). docs/codec.md is checked against it.

States
    off         nobody has started it
    resetting   XRESET was pulled; in 1.8 ms the chip raises DREQ
    clocking    its clock is being multiplied
    ready       it takes a title's octets
    ending      the whole title was given: fill octets go behind it until it is played
    closing     SM_CANCEL is set behind a whole title; fill octets go on until it is cleared
    cancelling  SM_CANCEL is set in the middle of a title; fill octets go on until it is cleared
    filling     it is cleared, and 2,052 fill octets push out what was left
    failed      no chip answers, or not the one that was expected

Events that a state does not list are ignored there. Actions are methods of Vs1053; "" does nothing. `_identify` may
lead to `failed` instead.
"""

# (state, event, action, next state)
TABLE = (
    ("off", "start", "_reset", "resetting"),
    ("failed", "start", "_reset", "resetting"),
    ("ready", "start", "_reset", "resetting"),
    ("resetting", "dreq", "_identify", "clocking"),
    ("resetting", "late", "", "failed"),
    ("clocking", "dreq", "_speed_up", "ready"),
    ("clocking", "late", "", "failed"),
    ("ready", "finish", "_fill", "ending"),
    ("ready", "cancel", "_cancel", "cancelling"),
    ("ending", "filled", "_cancel", "closing"),
    ("ending", "cancel", "_cancel", "cancelling"),
    ("ending", "late", "_reset", "resetting"),
    ("closing", "cleared", "", "ready"),
    ("closing", "cancel", "", "cancelling"),
    ("closing", "late", "_reset", "resetting"),
    ("cancelling", "cleared", "_fill", "filling"),
    ("cancelling", "late", "_reset", "resetting"),
    ("filling", "filled", "", "ready"),
    ("filling", "late", "_reset", "resetting"),
)
