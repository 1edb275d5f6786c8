"""What a person is told: a sentence that says what happened, and one that says what to do."""

from headend.shop import ledger, refusals
from headend.shop.passwords import LONGEST, SHORTEST
from headend.shop.refusals import REFUSALS, SLOW_DOWN, Refused
from headend.shop.users import LOGIN_LIMIT

REFUSED = {
    refusals.LOGIN: "The login or the password is wrong. Check both, then try again.",
    refusals.LOGIN_TAKEN: "Somebody has this login already. Choose another one.",
    refusals.BAD_LOGIN_NAME: f"A login has 1 to {LOGIN_LIMIT} characters and no spaces. Choose one like that.",
    refusals.BAD_PASSWORD: f"A password has {SHORTEST} to {LONGEST} characters. Choose one like that.",
    refusals.CARD_MISTYPED: "This is no card’s number: a digit is wrong or missing. Compare all 16 with the card.",
    refusals.NO_CARD: "There is no card of this number. Compare all 16 digits with the card.",
    refusals.CARD_USED: "This card has been used, and its units were credited then. Redeem another one.",
    refusals.NO_UNITS: "You have too few units, and nothing was charged. Redeem a card, then try again.",
    refusals.NO_TITLE: "There is no such title. Look for another one in the catalogue.",
    refusals.PRICE_CHANGED: "The price has changed, and nothing was bought. If you agree to the new one, buy again.",
    refusals.NO_OFFER: "This offer is over, and nothing was charged. Look at those that there are now.",
    refusals.STILL_RUNS: "What you have of this title still runs, and nothing was charged. Buy it for good, or wait.",
    refusals.NO_GROUP: "There is no such subscription. Look at those that there are.",
    refusals.NO_STREAM: "There is no such stream. Look at those that there are.",
    refusals.NO_LIMIT: "It cannot be had for that time any more, and nothing was bought. Choose another one.",
    refusals.NOT_YOURS: "You have no such player. Look at your players: it may have been removed before.",
    refusals.NO_SESSION: "Your session is over. Sign in again.",
}
FAILED = {
    400: (
        "This cannot be read",
        "The form came as no browser sends it. Open its page again and send it anew.",
    ),
    403: (
        "This form was refused",
        "It did not come from a page of this shop, so nothing was done. Open the page here, and send it from there.",
    ),
    404: ("There is no such page", "The address may be mistyped, or what it named has gone. Look in the catalogue."),
    405: ("This does not work here", "The address is not one to send a form to. Go back to the catalogue."),
    422: ("There is no such page", "The address is not complete, or is mistyped. Look in the catalogue."),
    500: (
        "The shop has failed",
        "This is its fault, not yours, and it has been noted. Look at your transactions before you do it again.",
    ),
    503: ("The shop cannot do this now", "Nothing is known to be charged. Wait a moment, then load the page again."),
}
DONE = {
    "registered": "Your account is made, and you are signed in.",
    "signed-in": "You are signed in.",
    "signed-out": "You are signed out.",
    "bought": "It is yours. Your players fetch it from your library.",
    "rented": "It is yours for as long as you chose. Your players fetch it from your library.",
    "had": "It was yours already, and nothing was charged.",
    "token": "You may watch it until the time is over. Start a viewer with the line below.",
    "token-had": "You had it already, and nothing was charged. Start a viewer with the line below.",
    "credited": "Your card is credited.",
    "joined": "You are in this subscription.",
    "left": "You have left this subscription. What you bought stays yours.",
    "removed": "The player is removed. It gets nothing from the shop any more.",
}
BOOKED = {
    ledger.CARD: "Card redeemed",
    ledger.UNITS: "Units bought",
    ledger.PURCHASE: "Bought",
    ledger.JOIN: "Subscribed",
    ledger.STREAM: "Streamed",
    ledger.END: "Ended",
    ledger.REFUND: "Given back",
}


def refused(refusal: Refused) -> str:
    """A refusal of the shop's core."""
    if refusal.code == SLOW_DOWN:
        return f"There were too many tries. Wait {waiting(refusal.wait_ms)}, then try again."
    text = REFUSALS[refusal.code][1]
    return REFUSED.get(refusal.code) or f"{text[0].upper()}{text[1:]}."


def waiting(wait_ms: int) -> str:
    """A time to wait, rounded up."""
    seconds = max(-(-wait_ms // 1000), 1)
    if seconds < 60:
        return f"{seconds} second" + ("" if seconds == 1 else "s")
    minutes = -(-seconds // 60)
    return f"{minutes} minute" + ("" if minutes == 1 else "s")


def failed(status: int) -> tuple[str, str]:
    """What a page of this status says: a heading, and what to do."""
    return FAILED.get(status) or FAILED[500 if status >= 500 else 400]
