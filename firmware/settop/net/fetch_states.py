"""State table of a transfer (`fetch.py`). docs/protocols/network.md is checked against it.

States
    idle         nothing was asked for
    looking_up   the name service is asked for the server's address
    connecting   the server has not accepted yet
    asking       the request goes out, its answer is awaited
    reading      the answer's body comes
    passing      the body of an answer that leads elsewhere comes, and nobody wants it
    pausing      before another try, or while the link is down
    done         all of it was handed on
    failed       it will not come

A pair that is not in the table does not happen: it would be a fault of ours, and is told as one.
"""

# (state, event, next state)
TABLE = (
    ("idle", "start", "looking_up"),
    ("done", "start", "looking_up"),
    ("failed", "start", "looking_up"),
    ("looking_up", "found", "connecting"),
    ("looking_up", "kept", "asking"),
    ("looking_up", "retry", "pausing"),
    ("looking_up", "give_up", "failed"),
    ("connecting", "open", "asking"),
    ("connecting", "retry", "pausing"),
    ("connecting", "give_up", "failed"),
    ("asking", "head", "reading"),
    ("asking", "elsewhere", "passing"),
    ("asking", "retry", "pausing"),
    ("asking", "give_up", "failed"),
    ("reading", "whole", "done"),
    ("reading", "retry", "pausing"),
    ("reading", "give_up", "failed"),
    ("passing", "whole", "looking_up"),
    ("passing", "retry", "pausing"),
    ("passing", "give_up", "failed"),
    ("pausing", "timeout", "looking_up"),
    ("pausing", "give_up", "failed"),
)
