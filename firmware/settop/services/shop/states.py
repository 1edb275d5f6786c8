"""The shop's state tables at the terminal: every transition that exists, and no other.

TABLE is the channel's (channel.py; docs/protocols/shop-channel.md is checked against it). ERRAND is that of what the
viewer wants (errand.py; docs/shop.md is checked against it): its actions are methods of Errand, its states

    linking        the link comes up
    greeting       HELLO was sent
    asking         a request was sent
    downloading    a title comes, and is looked at; or a unit for its codec
    looking        the title is here: is there a unit for its codec?
    handing        a unit goes to the service `updates`
    idle           it is over, well or not: what fails ends it in any state
"""

CLOSED = "CLOSED"
ASKED = "ASKED"
OPEN = "OPEN"
WAITING = "WAITING"

# (state, event, next state)
TABLE = (
    ("CLOSED", "hello", "ASKED"),
    ("ASKED", "challenge", "OPEN"),
    ("ASKED", "wrong", "CLOSED"),
    ("ASKED", "close", "CLOSED"),
    ("OPEN", "request", "WAITING"),
    ("OPEN", "close", "CLOSED"),
    ("WAITING", "reply", "OPEN"),
    ("WAITING", "wrong", "CLOSED"),
    ("WAITING", "close", "CLOSED"),
)

# (state, input, action, next state)
ERRAND = (
    ("linking", "up", "_greet", "greeting"),
    ("greeting", "opened", "_ask", "asking"),
    ("greeting", "strange", "_greet", "greeting"),
    ("asking", "registered", "_greet", "greeting"),
    ("asking", "more", "_ask", "asking"),
    ("asking", "household", "_ask_for_household", "asking"),
    ("asking", "content", "_fetch_content", "downloading"),
    ("asking", "due", "_greet_to_renew", "greeting"),
    ("asking", "renewed", "_renewed", "idle"),
    ("asking", "over", "_end", "idle"),
    ("downloading", "whole", "_have", "looking"),
    ("downloading", "unit", "", "handing"),
    ("looking", "known", "_tell_and_end", "idle"),
    ("looking", "lacking", "_greet_for_codec", "greeting"),
    ("handing", "taken", "_have_codec", "idle"),
)
