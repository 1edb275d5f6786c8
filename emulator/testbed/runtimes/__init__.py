"""MicroPython binaries: found, fetched or built."""

from testbed.runtimes.find import pico_image, unix_binary
from testbed.runtimes.image import Binary, Image, RuntimeUnavailable

__all__ = ["Binary", "Image", "RuntimeUnavailable", "pico_image", "unix_binary"]
