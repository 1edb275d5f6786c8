"""The centre's side of a call as data: every transition that exists, and no other (see settop.services.call.states)."""

ANSWERED = "ANSWERED"
CHALLENGED = "CHALLENGED"
SERVING = "SERVING"
CLOSED = "CLOSED"

TRANSITIONS = {
    (ANSWERED, "hello"): CHALLENGED,
    (CHALLENGED, "hello"): CHALLENGED,
    (CHALLENGED, "request"): SERVING,
    (SERVING, "request"): SERVING,
    (CHALLENGED, "denied"): CLOSED,
    (SERVING, "denied"): CLOSED,
    (SERVING, "ack"): SERVING,
    (SERVING, "nak"): SERVING,
    (CHALLENGED, "goodbye"): CLOSED,
    (SERVING, "goodbye"): CLOSED,
    (SERVING, "dark"): CLOSED,
    (SERVING, "programme_over"): CLOSED,
    (SERVING, "terminal_silent"): CLOSED,
    (SERVING, "superseded"): CLOSED,
    (ANSWERED, "ledger_failed"): CLOSED,
    (CHALLENGED, "ledger_failed"): CLOSED,
    (SERVING, "ledger_failed"): CLOSED,
    (ANSWERED, "give_up"): CLOSED,
    (CHALLENGED, "give_up"): CLOSED,
    (ANSWERED, "line_lost"): CLOSED,
    (CHALLENGED, "line_lost"): CLOSED,
    (SERVING, "line_lost"): CLOSED,
}
