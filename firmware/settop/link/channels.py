"""The channels of the cable, for both ends: a line here is all that a new one needs. docs/protocols/cable.md.

They are in the order in which the host serves them, so what is short and urgent stands first.
"""

CONSOLE = "console"  # the one that is also plain text, without a session

# name, letter on the wire (a to z), octets that a board holds of it, line to the board, line from the board
CHANNELS = (
    (CONSOLE, "c", 1024, "console", "console"),
    ("modem", "m", 1024, "modem", "modem"),
    ("stream", "s", 8192, "tuner", "output"),
)
