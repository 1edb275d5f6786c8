"""How an image is built for a board; apart from the profile, which builds do not need."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ImageRecipe:
    """`micropython_board`: MicroPython's own name. `uf2_family`: hexadecimal, from the UF2 list of families.

    image_bytes: room for the image, from the start of the flash to the keystore's blocks. definition: folder in the
    project with a board definition of our own that takes the place of MicroPython's, and with it lwIP; "" for none.
    services: those inside beside what the board starts by itself. frozen_bytes: room for bytecode in it, where that is
    another than the board's FLASH_BYTES.
    """

    micropython_board: str
    uf2_family: str
    image_bytes: int
    definition: str = ""
    services: tuple[str, ...] = ()
    frozen_bytes: int = 0

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> "ImageRecipe":
        """As `board.toml` has it."""
        return cls(**{**table, "services": tuple(table.get("services", ()))})
