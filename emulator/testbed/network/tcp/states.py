"""The connection states of RFC 9293, 3.3.2 (figure 5) as data: every transition that exists, and no other.

Events: "open", "close", "abort" are the user's; "syn" and "syn ack" come from the other end, "syn acked" and "fin
acked" are its answers to ours, "fin" is its own, in its turn; "reset" is a reset that was believed, "silence" the end
of our tries, "timeout" the end of TIME-WAIT. Actions are methods of Connection; "" does nothing.

A listener makes a connection, which begins in CLOSED with "syn"; so the row LISTEN of the figure is not here.
"""

CLOSED = "CLOSED"
SYN_SENT = "SYN-SENT"
SYN_RECEIVED = "SYN-RECEIVED"
ESTABLISHED = "ESTABLISHED"
FIN_WAIT_1 = "FIN-WAIT-1"
FIN_WAIT_2 = "FIN-WAIT-2"
CLOSE_WAIT = "CLOSE-WAIT"
CLOSING = "CLOSING"
LAST_ACK = "LAST-ACK"
TIME_WAIT = "TIME-WAIT"

TRANSITIONS: dict[tuple[str, str], tuple[str, str]] = {
    (CLOSED, "open"): ("send_syn", SYN_SENT),
    (CLOSED, "syn"): ("send_syn", SYN_RECEIVED),
    (SYN_SENT, "syn ack"): ("tell_opened", ESTABLISHED),
    (SYN_SENT, "syn"): ("send_syn", SYN_RECEIVED),
    (SYN_SENT, "close"): ("forget", CLOSED),
    (SYN_SENT, "abort"): ("forget", CLOSED),
    (SYN_SENT, "reset"): ("fail_refused", CLOSED),
    (SYN_SENT, "silence"): ("fail_silent", CLOSED),
    (SYN_RECEIVED, "syn acked"): ("tell_opened", ESTABLISHED),
    (SYN_RECEIVED, "close"): ("queue_fin", FIN_WAIT_1),
    (SYN_RECEIVED, "abort"): ("send_reset", CLOSED),
    (SYN_RECEIVED, "reset"): ("fail_refused", CLOSED),
    (SYN_RECEIVED, "silence"): ("fail_silent", CLOSED),
    (ESTABLISHED, "fin"): ("tell_closed", CLOSE_WAIT),
    (ESTABLISHED, "close"): ("queue_fin", FIN_WAIT_1),
    (ESTABLISHED, "abort"): ("send_reset", CLOSED),
    (ESTABLISHED, "reset"): ("fail_reset", CLOSED),
    (ESTABLISHED, "silence"): ("fail_silent", CLOSED),
    (FIN_WAIT_1, "fin acked"): ("wait_for_fin", FIN_WAIT_2),
    (FIN_WAIT_1, "fin"): ("tell_closed", CLOSING),
    (FIN_WAIT_1, "abort"): ("send_reset", CLOSED),
    (FIN_WAIT_1, "reset"): ("fail_reset", CLOSED),
    (FIN_WAIT_1, "silence"): ("fail_silent", CLOSED),
    (FIN_WAIT_2, "fin"): ("tell_closed_and_linger", TIME_WAIT),
    (FIN_WAIT_2, "abort"): ("send_reset", CLOSED),
    (FIN_WAIT_2, "reset"): ("fail_reset", CLOSED),
    (FIN_WAIT_2, "timeout"): ("fail_silent", CLOSED),
    (CLOSE_WAIT, "close"): ("queue_fin", LAST_ACK),
    (CLOSE_WAIT, "abort"): ("send_reset", CLOSED),
    (CLOSE_WAIT, "reset"): ("fail_reset", CLOSED),
    (CLOSE_WAIT, "silence"): ("fail_silent", CLOSED),
    (CLOSING, "fin acked"): ("linger", TIME_WAIT),
    (CLOSING, "abort"): ("forget", CLOSED),
    (CLOSING, "reset"): ("forget", CLOSED),
    (CLOSING, "silence"): ("forget", CLOSED),
    (LAST_ACK, "fin acked"): ("forget", CLOSED),
    (LAST_ACK, "abort"): ("forget", CLOSED),
    (LAST_ACK, "reset"): ("forget", CLOSED),
    (LAST_ACK, "silence"): ("forget", CLOSED),
    (TIME_WAIT, "fin"): ("linger", TIME_WAIT),
    (TIME_WAIT, "abort"): ("forget", CLOSED),
    (TIME_WAIT, "reset"): ("forget", CLOSED),
    (TIME_WAIT, "timeout"): ("forget", CLOSED),
}
"""By (state, event): the action, and the next state. What a state does not list is nothing to it."""

SYNCHRONISED = frozenset((ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, CLOSE_WAIT, CLOSING, LAST_ACK, TIME_WAIT))
TAKES_DATA = frozenset((ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2))
"""States in which the other end may still send data and its FIN."""
GIVES_DATA = frozenset((CLOSED, SYN_SENT, SYN_RECEIVED, ESTABLISHED, CLOSE_WAIT))
"""States in which the user may still queue data; in the first three it waits for the connection."""
