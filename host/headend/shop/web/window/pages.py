"""How a page is made: templates that escape whatever they are given, and headers that let nothing in from elsewhere.

No page has a script: the policy forbids every one, also those that a title's name would smuggle in.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from fastapi import APIRouter
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.responses import Response

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; media-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
# Without a referrer a browser says "Origin: null" with a form, and every form would be refused.
_HEADERS = {
    "content-security-policy": POLICY,
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
}
_KINDS = {"style.css": "text/css", "icon.svg": "image/svg+xml"}

router = APIRouter(include_in_schema=False)


_LATEST_MS = 253_402_300_799_000
"""The end of the year 9999: no calendar here goes further."""
_SPANS = (("day", 86_400, 172_800), ("hour", 3600, 3600), ("minute", 60, 60), ("second", 1, 1))
"""Name, seconds, and from how many on it is used."""


def _instant(at_ms: int) -> datetime:
    return datetime.fromtimestamp(min(at_ms, _LATEST_MS) / 1000, UTC)


def units(count: int) -> str:
    """1 unit, 1,000 units."""
    return f"{count:,} unit" + ("" if count == 1 else "s")


def day(at_ms: int) -> str:
    """15 January 2027, 08:00 UTC; at_ms: Unix ms."""
    at = _instant(at_ms)
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


def machine_day(at_ms: int) -> str:
    """The same for the `datetime` of a `time` element."""
    return f"{_instant(at_ms):%Y-%m-%dT%H:%MZ}"


def span(seconds: int) -> str:
    """24 hours, 2 days, 90 minutes. seconds: 1 at least."""
    count, unit = next(
        (seconds // size, unit) for unit, size, least in _SPANS if seconds >= least and not seconds % size
    )
    return f"{count:,} {unit}" + ("" if count == 1 else "s")


def in_fours(text: str) -> str:
    """An id as a person compares it."""
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


_static = {name: (files(__package__) / "static" / name).read_bytes() for name in _KINDS}
_version = hashlib.sha256(b"".join(_static.values())).hexdigest()[:12]
_environment = Environment(
    loader=PackageLoader(__package__), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_environment.filters.update(units=units, day=day, machine_day=machine_day, span=span, in_fours=in_fours)
_environment.globals.update(version=_version)


def rendered(template: str, **values: Any) -> str:
    """The text of a template."""
    return _environment.get_template(template).render(**values)


def page(template: str, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any) -> Response:
    """A page, which nobody keeps: what it says is somebody's own."""
    return Response(rendered(template, **values), status, {**_HEADERS, **(headers or {})}, "text/html; charset=utf-8")


def elsewhere(path: str) -> Response:
    """What answers a form that has done its work: the page of that path, which may be loaded again at no harm."""
    return Response(None, 303, {**_HEADERS, "location": path})


@router.get("/static/{name}")
def static(name: str) -> Response:
    """What looks are made of. Their addresses change with them."""
    if name not in _static:
        raise HTTPException(404)
    return Response(_static[name], 200, {"cache-control": "public, max-age=31536000, immutable"}, _KINDS[name])
