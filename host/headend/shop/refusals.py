"""What the shop refuses, as rows: a code, the HTTP status that says it, and what a person is told."""

from settop.errors import RemoteError

LOGIN = "login"
SLOW_DOWN = "slow-down"
LOGIN_TAKEN = "login-taken"
BAD_LOGIN_NAME = "bad-login-name"
BAD_PASSWORD = "bad-password"  # noqa: S105 - the name of a refusal
NO_CLIENT = "no-client"
NOT_SIGNED_IN = "not-signed-in"
NO_SESSION = "no-session"
NOT_YOURS = "not-yours"
CARD_MISTYPED = "card-mistyped"
NO_CARD = "no-card"
CARD_USED = "card-used"
NO_UNITS = "no-units"
NO_TITLE = "no-title"
PRICE_CHANGED = "price-changed"
NO_OFFER = "no-offer"
STILL_RUNS = "still-runs"
HAS_AN_END = "has-an-end"
NO_GROUP = "no-group"
NO_RIGHT = "no-right"
NO_ORDER = "no-order"
ORDER_PAID = "order-paid"
BAD_NOTICE = "bad-notice"
BAD_AMOUNT = "bad-amount"
HOUSEHOLD_FULL = "household-full"
NO_PLAYER = "no-player"
PLAYER_TAKEN = "player-taken"
NO_TERMINAL = "no-terminal"
NO_CODEC = "no-codec"
NO_STREAM = "no-stream"
NO_LIMIT = "no-limit"

REFUSALS = {
    LOGIN: (401, "login or password is wrong"),
    SLOW_DOWN: (429, "too many tries: wait, then try again"),
    LOGIN_TAKEN: (409, "this login is taken: choose another one"),
    BAD_LOGIN_NAME: (422, "a login has 1 to 64 characters, without spaces and control characters"),
    BAD_PASSWORD: (422, "a password has 8 to 200 characters"),
    NO_CLIENT: (401, "this client is not known: register it"),
    NOT_SIGNED_IN: (401, "nobody has signed in on this client"),
    NO_SESSION: (401, "sign in: this session is not known, or is over"),
    NOT_YOURS: (404, "you have no such client"),
    CARD_MISTYPED: (422, "a card's number has 16 digits, of which the last one checks the others: look again"),
    NO_CARD: (404, "there is no card of this number"),
    CARD_USED: (409, "this card has been used"),
    NO_UNITS: (402, "there are not enough units: redeem a card or buy some"),
    NO_TITLE: (404, "there is no such title"),
    PRICE_CHANGED: (409, "the price has changed: look at it again"),
    NO_OFFER: (404, "there is no such offer of this title, or its time is over"),
    STILL_RUNS: (409, "a right to this title still runs: it may be bought for good, or anew when that has ended"),
    HAS_AN_END: (409, "a right with an end has no licence: sign in on a terminal and restore it there"),
    NO_GROUP: (404, "there is no such subscription"),
    NO_RIGHT: (403, "this title was not bought, or was given back"),
    NO_ORDER: (404, "there is no such order"),
    ORDER_PAID: (409, "this order is paid"),
    BAD_NOTICE: (400, "this is no notice of a seller that the shop knows"),
    BAD_AMOUNT: (422, "an amount is 1 to 1000000000 units"),
    HOUSEHOLD_FULL: (409, "this household has as many players as it may have: remove one first"),
    NO_PLAYER: (404, "no player or terminal of this id was provisioned"),
    PLAYER_TAKEN: (409, "this player is of another household, which has to remove it first"),
    NO_TERMINAL: (409, "the shop does not know which terminal this client is: forget it and sign in anew"),
    NO_CODEC: (404, "the shop has no unit for this codec, or none that is newer and for such a terminal"),
    NO_STREAM: (404, "no title of this number is streamed"),
    NO_LIMIT: (404, "this title is not streamed by such a time limit: look at those that there are"),
}
UNITS_LIMIT = 1_000_000_000
NUMBER_LIMIT = (1 << 31) - 1


class Refused(RemoteError):
    """`code`: one of REFUSALS; `wait_ms`: for SLOW_DOWN, after how long it may be tried again."""

    def __init__(self, code: str, wait_ms: int = 0) -> None:
        super().__init__(REFUSALS[code][1])
        self.code = code
        self.wait_ms = wait_ms


def checked_number(number: int, code: str) -> int:
    """A number of a row, as somebody gives it. Raises Refused where no row has such a one."""
    if not 1 <= number <= NUMBER_LIMIT:
        raise Refused(code)
    return number


def is_text(typed: str) -> bool:
    """Whether every database can take it: JSON lets zeros and halves of characters through."""
    return "\0" not in typed and not any("\ud800" <= character <= "\udfff" for character in typed)


def checked_units(units: int) -> int:
    """Raises Refused for what is no amount of units."""
    if not 1 <= units <= UNITS_LIMIT:
        raise Refused(BAD_AMOUNT)
    return units
