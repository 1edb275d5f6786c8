"""The terminal's side of a call as data: every transition that exists, and no other.

A pair that is not in the table is an event that this state does not expect: it is refused and counted, the state stays.
`docs/protocols/call.md` is checked against this table by a test.
"""

IDLE = "IDLE"
HELLO_SENT = "HELLO_SENT"
AUTHENTICATED = "AUTHENTICATED"
REQUESTED = "REQUESTED"
RECEIVING = "RECEIVING"
LEAVING = "LEAVING"
CLOSED = "CLOSED"

# (state, event, next state)
TABLE = (
    ("IDLE", "start", "HELLO_SENT"),
    ("HELLO_SENT", "challenge", "AUTHENTICATED"),
    ("AUTHENTICATED", "request", "REQUESTED"),
    ("REQUESTED", "key", "RECEIVING"),
    ("REQUESTED", "request", "REQUESTED"),
    ("REQUESTED", "token", "REQUESTED"),
    ("RECEIVING", "key", "RECEIVING"),
    ("RECEIVING", "request", "REQUESTED"),
    ("RECEIVING", "token", "RECEIVING"),
    ("IDLE", "hang_up", "CLOSED"),
    ("HELLO_SENT", "hang_up", "CLOSED"),
    ("AUTHENTICATED", "hang_up", "LEAVING"),
    ("REQUESTED", "hang_up", "LEAVING"),
    ("RECEIVING", "hang_up", "LEAVING"),
    ("RECEIVING", "dark", "LEAVING"),
    ("REQUESTED", "deny", "CLOSED"),
    ("RECEIVING", "deny", "CLOSED"),
    ("AUTHENTICATED", "farewell", "CLOSED"),
    ("REQUESTED", "farewell", "CLOSED"),
    ("RECEIVING", "farewell", "CLOSED"),
    ("LEAVING", "farewell", "CLOSED"),
    ("HELLO_SENT", "false_centre", "CLOSED"),
    ("HELLO_SENT", "give_up", "CLOSED"),
    ("REQUESTED", "give_up", "CLOSED"),
    ("AUTHENTICATED", "give_up", "CLOSED"),
    ("LEAVING", "give_up", "CLOSED"),
    ("HELLO_SENT", "line_lost", "CLOSED"),
    ("AUTHENTICATED", "line_lost", "CLOSED"),
    ("REQUESTED", "line_lost", "CLOSED"),
    ("RECEIVING", "line_lost", "CLOSED"),
    ("LEAVING", "line_lost", "CLOSED"),
)
