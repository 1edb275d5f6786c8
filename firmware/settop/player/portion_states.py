"""States of the portion on air, as a table: THE definition. `docs/protocols/broadcast.md` has it too.

NOWHERE: no portion is known. RUNNING: one is, and its key opens. TURNED: packets of the next one have come without its
ECM, so this one's key is shut already. SHUT and TURNED_SHUT: something that was not expected came; no key opens until
it is cleared up (in SHUT there may be no portion).
"""

NOWHERE = "NOWHERE"
RUNNING = "RUNNING"
TURNED = "TURNED"
SHUT = "SHUT"
TURNED_SHUT = "TURNED_SHUT"

# Events: "portion", an expected or believed ECM of another portion; "same", one of the running portion; "doubt", an
# ECM that was not expected, or other streams; "turn", the next portion's packets without its ECM; "stale", the portion
# is over and nothing said which one followed; "tune", another programme was chosen.
# (state, event, next state)
TABLE = (
    ("NOWHERE", "portion", "RUNNING"),
    ("NOWHERE", "doubt", "SHUT"),
    ("NOWHERE", "tune", "SHUT"),
    ("RUNNING", "portion", "RUNNING"),
    ("RUNNING", "same", "RUNNING"),
    ("RUNNING", "doubt", "SHUT"),
    ("RUNNING", "turn", "TURNED"),
    ("RUNNING", "stale", "NOWHERE"),
    ("RUNNING", "tune", "SHUT"),
    ("TURNED", "portion", "RUNNING"),
    ("TURNED", "same", "TURNED"),
    ("TURNED", "doubt", "TURNED_SHUT"),
    ("TURNED", "turn", "TURNED"),
    ("TURNED", "stale", "NOWHERE"),
    ("TURNED", "tune", "SHUT"),
    ("SHUT", "portion", "RUNNING"),
    ("SHUT", "same", "RUNNING"),
    ("SHUT", "doubt", "SHUT"),
    ("SHUT", "stale", "SHUT"),
    ("SHUT", "tune", "SHUT"),
    ("TURNED_SHUT", "portion", "RUNNING"),
    ("TURNED_SHUT", "same", "TURNED"),
    ("TURNED_SHUT", "doubt", "TURNED_SHUT"),
    ("TURNED_SHUT", "stale", "SHUT"),
    ("TURNED_SHUT", "tune", "SHUT"),
)
