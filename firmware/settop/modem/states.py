"""State table of the V.250 DTE (`dte.py`). docs/protocols/modem.md is checked against it.

States
    off         nothing known about the modem
    resetting   ATZ sent
    setting_up  the set-up line sent
    idle        on-hook, the modem listens to commands
    dialling    ATD sent
    answering   ATA sent
    aborting    a character sent to stop dialling or answering
    online      bytes are data
    quiet       online, nothing is sent: the guard time before the escape
    escaping    escape characters sent
    releasing   ATH sent

Inputs are calls (start, dial, answer, hang_up), results of the modem by name, and "timeout". A result that a
state does not list is ignored there. Actions are methods of Dte; "tell" makes an event of the input, "" does nothing.
"""

# (state, input, action, next state)
TABLE = (
    ("off", "start", "send_reset", "resetting"),
    ("off", "dial", "send_reset", "resetting"),
    ("off", "hang_up", "tell_hung_up", "off"),
    ("resetting", "ok", "send_setup", "setting_up"),
    ("resetting", "error", "send_setup", "setting_up"),
    ("resetting", "timeout", "retry_reset", "resetting"),
    ("resetting", "hang_up", "forget_call", "resetting"),
    ("setting_up", "ok", "tell_ready", "idle"),
    ("setting_up", "error", "tell_error", "off"),
    ("setting_up", "timeout", "retry_reset", "resetting"),
    ("setting_up", "hang_up", "forget_call", "setting_up"),
    ("idle", "dial", "send_dial", "dialling"),
    ("idle", "answer", "send_answer", "answering"),
    ("idle", "ring", "tell", "idle"),
    ("idle", "connect", "tell_connect", "online"),
    ("idle", "hang_up", "tell_hung_up", "idle"),
    ("dialling", "connect", "tell_connect", "online"),
    ("dialling", "busy", "tell", "idle"),
    ("dialling", "no_carrier", "tell_no_carrier", "idle"),
    ("dialling", "no_answer", "tell", "idle"),
    ("dialling", "no_dialtone", "tell", "idle"),
    ("dialling", "error", "tell_error", "idle"),
    ("dialling", "ring", "tell", "dialling"),
    ("dialling", "timeout", "send_abort_unanswered", "aborting"),
    ("dialling", "hang_up", "send_abort", "aborting"),
    ("answering", "connect", "tell_connect", "online"),
    ("answering", "no_carrier", "tell_no_carrier", "idle"),
    ("answering", "error", "tell_error", "idle"),
    ("answering", "timeout", "send_abort_unanswered", "aborting"),
    ("answering", "hang_up", "send_abort", "aborting"),
    ("aborting", "connect", "wait_quiet", "quiet"),
    ("aborting", "no_carrier", "send_hang_up", "releasing"),
    ("aborting", "busy", "send_hang_up", "releasing"),
    ("aborting", "no_answer", "send_hang_up", "releasing"),
    ("aborting", "no_dialtone", "send_hang_up", "releasing"),
    ("aborting", "ok", "send_hang_up", "releasing"),
    ("aborting", "error", "send_hang_up", "releasing"),
    ("aborting", "timeout", "retry_abort", "aborting"),
    ("online", "no_carrier", "tell_no_carrier", "idle"),
    ("online", "hang_up", "wait_quiet", "quiet"),
    ("quiet", "no_carrier", "send_hang_up", "releasing"),
    ("quiet", "timeout", "send_escape", "escaping"),
    ("escaping", "ok", "send_hang_up", "releasing"),
    ("escaping", "no_carrier", "send_hang_up", "releasing"),
    ("escaping", "timeout", "retry_escape", "quiet"),
    ("releasing", "ok", "tell_ended", "idle"),
    ("releasing", "no_carrier", "", "releasing"),
    ("releasing", "error", "tell_ended", "idle"),
    ("releasing", "timeout", "retry_hang_up", "releasing"),
)

# States in which bytes from the modem are data with result codes among them
DATA_STATES = ("online", "quiet", "escaping")
