"""The phases of a PPP link (RFC 1661, 3.2) as data: every transition that exists, and no other.

Events: "start" and "stop" are our own, "carrier lost" is the line's; "lcp up", "lcp down", "lcp over" and the same of
ipcp come from the automata ("over": it gave up, or has ended); "proven" and "unproven" from who had to prove himself;
"looped" and "silent" from LCP's numbers and echoes. Actions are methods of Ppp; "" does nothing.
"""

DEAD = "dead"
ESTABLISHING = "establishing"
PROVING = "proving"
NETWORKING = "networking"
UP = "up"
ENDING = "ending"

TRANSITIONS: dict[tuple[str, str], tuple[str, str]] = {
    (DEAD, "start"): ("begin", ESTABLISHING),
    (ESTABLISHING, "lcp up"): ("prove", PROVING),
    (ESTABLISHING, "lcp over"): ("give_up", DEAD),
    (ESTABLISHING, "looped"): ("end_looped", ENDING),
    (ESTABLISHING, "refused to prove"): ("end_unproven", ENDING),
    (ESTABLISHING, "stop"): ("end", ENDING),
    (ESTABLISHING, "carrier lost"): ("lose", DEAD),
    (PROVING, "proven"): ("number", NETWORKING),
    (PROVING, "unproven"): ("end_unproven", ENDING),
    (PROVING, "lcp down"): ("parted", ESTABLISHING),
    (PROVING, "looped"): ("end_looped", ENDING),
    (PROVING, "silent"): ("end_silent", ENDING),
    (PROVING, "stop"): ("end", ENDING),
    (PROVING, "carrier lost"): ("lose", DEAD),
    (NETWORKING, "ipcp up"): ("tell_up", UP),
    (NETWORKING, "ipcp over"): ("end_unnumbered", ENDING),
    (NETWORKING, "unproven"): ("end_unproven", ENDING),
    (NETWORKING, "lcp down"): ("parted", ESTABLISHING),
    (NETWORKING, "looped"): ("end_looped", ENDING),
    (NETWORKING, "silent"): ("end_silent", ENDING),
    (NETWORKING, "stop"): ("end", ENDING),
    (NETWORKING, "carrier lost"): ("lose", DEAD),
    (UP, "ipcp down"): ("", NETWORKING),
    (UP, "unproven"): ("end_unproven", ENDING),
    (UP, "lcp down"): ("parted", ESTABLISHING),
    (UP, "looped"): ("end_looped", ENDING),
    (UP, "silent"): ("end_silent", ENDING),
    (UP, "stop"): ("end", ENDING),
    (UP, "carrier lost"): ("lose", DEAD),
    (ENDING, "lcp over"): ("give_up", DEAD),
    (ENDING, "carrier lost"): ("lose", DEAD),
}
"""By (phase, event): the action, and the next phase. What a phase does not list is nothing to it."""
