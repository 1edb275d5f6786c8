"""State table of the link to the network (`link.py`). docs/protocols/network.md is checked against it.

States
    none         this board has no network
    down         nobody wants it
    coming_up    the board was told to bring it up
    up           addresses and names may be used
    backing_off  it failed; in a while it is tried again
    failed       it failed so often that it is not tried again until somebody wants it

Inputs are `wanted`, `unwanted`, the words of the board's network_state(), and "timeout". One that a state does not list
is ignored there. Actions are methods of Link; "" does nothing. `retry` may lead to `failed` instead.
"""

# (state, input, action, next state)
TABLE = (
    ("down", "wanted", "begin_afresh", "coming_up"),
    ("coming_up", "up", "tell_up", "up"),
    ("coming_up", "failed", "retry", "backing_off"),
    ("coming_up", "timeout", "retry", "backing_off"),
    ("coming_up", "unwanted", "let_go", "down"),
    ("up", "down", "tell_down", "backing_off"),
    ("up", "failed", "tell_down", "backing_off"),
    ("up", "unwanted", "let_go", "down"),
    ("backing_off", "up", "tell_up", "up"),
    ("backing_off", "timeout", "begin", "coming_up"),
    ("backing_off", "unwanted", "let_go", "down"),
    ("failed", "up", "tell_up", "up"),
    ("failed", "wanted", "begin_afresh", "coming_up"),
    ("failed", "unwanted", "let_go", "down"),
)
"""A link that comes up by itself while we wait is taken as it is: on boards whose radio or line tries again on its
own."""
