"""Rights with an end as schemas.Term and schemas.Held have them: null for what is not limited."""

from typing import Any

from headend.shop.rentals import Term


def term_of(term: Term) -> dict[str, Any]:
    """Of schemas.Term."""
    return {"begins_ms": term.begins_ms or None, "ends_ms": term.ends_ms or None, "seconds": term.holds_s or None}


def held_of(term: Term | None, until_ms: int | None) -> dict[str, Any] | None:
    """Of schemas.Held; None: for good."""
    return None if term is None else {**term_of(term), "until_ms": until_ms}
