"""A 5x7 bitmap alphabet for test cards, so that a picture with words needs no font file."""

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]
Mask = npt.NDArray[np.bool_]

GLYPH_WIDTH, GLYPH_HEIGHT = 5, 7

# One glyph is seven rows of five pixels, top first, each row a number of two hexadecimal digits.
_ROWS = {
    "0": "0e11131519110e", "1": "040c040404040e", "2": "0e11010204081f", "3": "1f02040201110e",
    "4": "02060a121f0202", "5": "1f101e0101110e", "6": "0608101e11110e", "7": "1f010204080808",
    "8": "0e11110e11110e", "9": "0e11110f01020c", "A": "0e11111f111111", "B": "1e11111e11111e",
    "C": "0e11101010110e", "D": "1c12111111121c", "E": "1f10101e10101f", "F": "1f10101e101010",
    "G": "0e11101711110f", "H": "1111111f111111", "I": "0e04040404040e", "J": "0702020202120c",
    "K": "11121418141211", "L": "1010101010101f", "M": "111b1515111111", "N": "11111915131111",
    "O": "0e11111111110e", "P": "1e11111e101010", "Q": "0e11111115120d", "R": "1e11111e141211",
    "S": "0f10100e01011e", "T": "1f040404040404", "U": "1111111111110e", "V": "11111111110a04",
    "W": "1111111515150a", "X": "11110a040a1111", "Y": "1111110a040404", "Z": "1f01020408101f",
    "a": "00000e010f110f", "c": "00000e1010110e", "g": "000f11110f010e", "i": "04000c0404040e",
    "n": "00001619111111", "r": "00001619101010", "s": "00000e100e011e", "t": "08081c08080906",
    " ": "00000000000000", ":": "000c0c000c0c00", ".": "000000000c0c00", "-": "0000001f000000",
}  # fmt: skip


def text_mask(text: str, scale: int) -> Mask:
    """The pixels of `text` as a mask, `7 * scale` rows high; a character without a glyph is left blank."""
    columns = []
    for character in text:
        rows = np.frombuffer(bytes.fromhex(_ROWS.get(character, _ROWS[" "])), dtype=np.uint8)
        bits = np.unpackbits(rows[:, None], axis=1)[:, 3:]
        columns.append(np.pad(bits, ((0, 0), (0, 1))))
    mask = np.hstack(columns)[:, :-1] if columns else np.zeros((GLYPH_HEIGHT, 0), dtype=np.uint8)
    return np.kron(mask, np.ones((scale, scale), dtype=np.uint8)).astype(bool)


def draw_text(image: Image, text: str, centre_x: int, top: int, scale: int, colour: Colour) -> None:
    """Draw `text` into `image` (height, width, RGB) around column `centre_x`; what falls outside is cut."""
    mask = text_mask(text, scale)
    left = centre_x - mask.shape[1] // 2
    first = max(0, -left)
    target = image[top : top + mask.shape[0], left + first : left + mask.shape[1]]
    part = mask[: target.shape[0], first : first + target.shape[1]]
    target[part] = colour
