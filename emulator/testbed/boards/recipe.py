"""How an image is built for a board; apart from the profile, which builds do not need."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ImageRecipe:
    """`micropython_board`: MicroPython's own name. `uf2_family`: hexadecimal, from the UF2 list of families.

    image_bytes: room for the image, from the start of the flash to the keystore's blocks.
    """

    micropython_board: str
    uf2_family: str
    image_bytes: int
