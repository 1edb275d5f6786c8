"""Boards for the tests of the hardware path."""

import pytest
from testbed.hil.adapter import EmulatedBoard
from testbed.runtimes import Image, RuntimeUnavailable, pico_image


@pytest.fixture(scope="session")
def image() -> Image:
    try:
        return pico_image()
    except RuntimeUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture
def emulated(image, tmp_path):
    """emulated(files): a board process with these files on it, launched; it ends with the test."""
    from testbed.boards import load_board
    from testbed.machines.pico_flash import flash_image

    made = []

    def make(files=None, **options):
        flash = flash_image(image.path, {name: data.encode() for name, data in (files or {}).items()})
        made.append(EmulatedBoard(flash, profile=load_board("pico"), logs=tmp_path / "lines", **options))
        made[-1].launch()
        return made[-1]

    yield make
    for board in made:
        board.close()
