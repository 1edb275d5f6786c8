"""A title's picture, for who looks at the catalogue: read from its clear original once, then kept beside it."""

from pathlib import Path

from settop.errors import LocalError, RemoteError
from sqlalchemy import Engine, select

from headend.accounts.engine import transaction
from headend.files import together
from headend.shop.delivering import Shelf
from headend.shop.models import Title
from headend.titles.boxes import File
from headend.titles.extras import read_extras
from headend.titles.opening import find_movie

COVER_LIMIT = 4 << 20
"""A larger picture is not shown."""
_KINDS = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"))


def cover_of(shelf: Shelf, engine: Engine, title_id: int) -> tuple[Path, str] | None:
    """The file with a title's cover, and its media type; None where it has none. Raises LocalError, OSError."""
    with transaction(engine) as connection:
        name = connection.scalar(select(Title.file).where(Title.title_id == title_id))
    if name is None:
        raise LocalError(f"there is no title {title_id}")
    kept = (shelf.folder / "covers" / name).with_suffix(".cover")
    if not kept.exists():
        kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with File((shelf.folder / name).with_suffix(".mp4")) as file:
                found = read_extras(find_movie(file)).get("cover", b"")
        except RemoteError as error:
            raise LocalError(f"the original of title {title_id} cannot be read: {error}") from None
        with together() as files:
            files.open(kept, 0o600).write(found if len(found) <= COVER_LIMIT else b"")
    with kept.open("rb") as file:
        head = file.read(8)
    return next(((kept, kind) for magic, kind in _KINDS if head.startswith(magic)), None)
