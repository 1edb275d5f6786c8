"""What the firmware of an emulated Pico asks of its flash: every erase and every program, in their order."""

from dataclasses import dataclass
from typing import Any

_SSI_DR0 = 0x60
# Winbond W25Q16JV, instruction set; the boot ROM's routines use no others to change what is stored.
_PAGE_PROGRAM = 0x02
_ERASES = {0x20: 4096, 0xD8: 65536}
_HEAD_BYTES = 4  # the command, 24 bits of address


@dataclass(frozen=True, slots=True)
class FlashCommand:
    """data: what a page program clears bits by; None: an erase of `size` bytes. address: from the flash's start."""

    address: int
    size: int
    data: bytes | None


class FlashWatch:
    """Stands before the flash controller and passes everything on unchanged. `commands` grows."""

    def __init__(self) -> None:
        self._commands: list[FlashCommand] = []
        self._controller: Any = None
        self._sent = bytearray()

    def stand_before(self, controller: Any) -> None:
        """A new chip's controller: what the last one was in the middle of is over."""
        self._take()
        self._controller = controller

    @property
    def commands(self) -> list[FlashCommand]:
        """All that were sent so far."""
        if self._controller is not None and not len(self._controller._tx_buffer):
            self._take()
        return self._commands

    def __getattr__(self, name: str) -> Any:
        return getattr(self._controller, name)

    def read_uint32(self, offset: int) -> int:
        value: int = self._controller.read_uint32(offset)
        return value

    def write_uint32_atomic(self, offset: int, value: int, atomic_type: int) -> None:
        if offset == _SSI_DR0:
            # A command ends with its chip select, which is no matter of these registers: the next one finds it gone.
            if not len(self._controller._tx_buffer):
                self._take()
            self._sent.append(value & 0xFF)
        self._controller.write_uint32_atomic(offset, value, atomic_type)

    def _take(self) -> None:
        sent, self._sent = bytes(self._sent), bytearray()
        if len(sent) < _HEAD_BYTES:
            return
        address = int.from_bytes(sent[1:_HEAD_BYTES], "big")
        if sent[0] == _PAGE_PROGRAM:
            self._commands.append(FlashCommand(address, len(sent) - _HEAD_BYTES, sent[_HEAD_BYTES:]))
        elif sent[0] in _ERASES:
            size = _ERASES[sent[0]]
            self._commands.append(FlashCommand(address // size * size, size, None))
