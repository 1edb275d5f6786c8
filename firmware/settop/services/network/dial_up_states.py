"""State table of dial-up (`dial_up.py`). docs/protocols/network.md is checked against it.

States
    idle       on hook
    dialling   the modem dials, or waits for an answer
    joining    somebody has answered; PPP asks for an address
    online     there is one
    leaving    the call is being ended
    returning  the same, and then it is dialled again
    failed     the call came to nothing, or was lost

Inputs are up and down, as the link says them; ppp_up and ppp_lost, of PPP over the call; timeout, of the state; and
the modem's events (settop.modem.dte). One that a state does not list is ignored there. Actions are methods of DialUp;
"" does nothing.
"""

# (state, input, action, next state)
TABLE = (
    ("idle", "up", "dial", "dialling"),
    ("idle", "connect", "hang_up", "leaving"),
    ("dialling", "connect", "begin", "joining"),
    ("dialling", "busy", "tell_failed", "failed"),
    ("dialling", "no_answer", "tell_failed", "failed"),
    ("dialling", "no_dialtone", "tell_failed", "failed"),
    ("dialling", "no_carrier", "tell_failed", "failed"),
    ("dialling", "error", "tell_failed", "failed"),
    ("dialling", "no_modem", "tell_failed", "failed"),
    ("dialling", "down", "hang_up", "leaving"),
    ("dialling", "timeout", "stop", "leaving"),
    ("joining", "ppp_up", "", "online"),
    ("joining", "ppp_lost", "give_up", "leaving"),
    ("joining", "timeout", "give_up", "leaving"),
    ("joining", "down", "end", "leaving"),
    ("joining", "no_carrier", "lose", "leaving"),
    ("joining", "no_modem", "lose", "leaving"),
    ("joining", "error", "lose", "leaving"),
    ("online", "ppp_lost", "end", "leaving"),
    ("online", "down", "end", "leaving"),
    ("online", "no_carrier", "lose", "leaving"),
    ("online", "no_modem", "lose", "leaving"),
    ("online", "error", "lose", "leaving"),
    ("leaving", "hung_up", "tell_hung_up", "idle"),
    ("leaving", "up", "", "returning"),
    ("leaving", "timeout", "abandon", "idle"),
    ("returning", "hung_up", "dial_again", "dialling"),
    ("returning", "down", "", "leaving"),
    ("returning", "timeout", "dial_anew", "dialling"),
    ("failed", "up", "dial", "dialling"),
    ("failed", "down", "", "idle"),
    ("failed", "connect", "hang_up", "leaving"),
)
