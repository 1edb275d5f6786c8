"""State table of one module that came as an update (`modules.py`). docs/protocols/update.md is checked against it.

States
    empty    none is here: what the firmware brings runs, if it brings one
    stored   a verified one lies in the free slot and waits for a start
    trying   it was started, and has not come up yet
    kept     the one that came up last runs

Events
    verified  a newer one was received, verified, written and read back
    start     the terminal starts, or a codec is wanted at once, and tries are left
    worn      the same, and it was tried TRIES times
    came_up   it does what a module of its kind must
    failed    it does not
    damaged   what lies in flash is not what was verified
    newer     a newer one is verified and about to be written

Events that a state does not list are ignored there. Actions are methods of Modules; each ends with one counted store,
which is the step that a power cut does not divide. `_revert` spends the version, `_drop` does not. Where none was kept
both lead to `empty`.
"""

TRIES = 3

# (state, event, action, next state)
TABLE = (
    ("empty", "verified", "_put", "stored"),
    ("kept", "verified", "_put", "stored"),
    ("stored", "newer", "_drop", "kept"),
    ("trying", "newer", "_drop", "kept"),
    ("stored", "start", "_try", "trying"),
    ("trying", "start", "_try", "trying"),
    ("trying", "came_up", "_keep", "kept"),
    ("trying", "failed", "_revert", "kept"),
    ("trying", "worn", "_revert", "kept"),
    ("stored", "damaged", "_drop", "kept"),
    ("trying", "damaged", "_drop", "kept"),
    ("kept", "damaged", "_give_up", "empty"),
)
