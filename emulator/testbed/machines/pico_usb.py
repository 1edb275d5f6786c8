"""What is on a PicoMachine's USB cable: a host that opens the chip's serial port, the console."""

from typing import Any

from rp2040py.peripherals._usb import INTR_DEV_SOF
from rp2040py.usb.cdc import USBCDC

from testbed.machines.pico_chip import TICKS_PER_NS

USB_HOSTS = ("reads", "stalls", "none")


class UsbConsole:
    """The host's side of the chip's USB serial port. Nothing is lost: the chip takes bytes when it has room.

    usb_host: "reads" opens the port and takes all that is written; "stalls" opens the port and asks for nothing,
        like a terminal program that hangs; "none" is a board that is powered by its USB socket alone.

    From opening on there is a start of frame each millisecond, which the emulated controller lacks for a device.
    MicroPython needs them: it sends what it wrote before the port was opened at the 16th, and around erratum
    RP2040-E15 it holds a packet that is ready 0.8 to 1 ms after a start of frame until the next one, for ever if
    there is none.

    One control transfer at a time: TinyUSB answers between two bytecodes, so late where the firmware computes, and
    panics over the answer to a transfer that another one has replaced.

    Once the port is opened nothing else is sent until the chip no longer listens for starts of frames, which it does
    for 17 of them. Each is an event in TinyUSB's queue of 16: firmware that computes for so long fills it, and
    forgets what it is sent then, for good: the endpoint of a forgotten packet is never armed again.
    """

    PACKET_BYTES = 64
    PROMPT_US = 10
    _PACKET_TICKS = 50_000 * TICKS_PER_NS
    _FRAME_TICKS = 1_000_000 * TICKS_PER_NS
    _FRAME_NUMBERS = 2048
    _NEVER_US = 1 << 40
    _OPENING_FRAMES = (18, 200)  # how long the chip listens, and when to stop waiting: while it prints it listens, too
    _BETWEEN_FRAMES = 2  # from a control transfer's end to the next one's start: the driver has seen the end by then

    def __init__(self, clock: Any, usb: Any, usb_host: str = "reads"):
        self._in = bytearray()
        self._out = bytearray()
        self._usb = usb
        self._host = usb_host
        self._prompt_us = usb.write_delay_microseconds
        self._cdc = cdc = USBCDC(usb)
        self._alarm = clock.create_alarm(self._packet)
        self._frame_alarm = clock.create_alarm(self._frame)
        self._running = False
        self._frames = -1  # since the chip was configured, -1 before
        self._unanswered = False  # a control transfer is under way
        self._may_tell = 0  # from this frame on the next one may begin
        self._told = 0  # the frame of the last answer
        cdc.on_serial_data = self._out.extend
        cdc.on_device_connected = self._opened
        self._enumerate = usb.on_endpoint_write
        usb.on_endpoint_write = self._written
        self._forget = usb.on_reset
        usb.on_reset = self._chip_reset
        if usb_host == "none":
            usb.on_usb_enabled = None  # no one resets the bus, so the chip never gets an address

    def _written(self, endpoint: int, packet: bytes | bytearray) -> None:
        """The chip handed over a packet; an empty one on endpoint 0 is the status stage of a control transfer."""
        if endpoint == 0 and not packet and self._unanswered:
            self._unanswered = False
            self._told = self._frames
            self._may_tell = self._frames + self._BETWEEN_FRAMES
        self._enumerate(endpoint, packet)

    def _opened(self) -> None:
        self._frames = 0
        self._unanswered = True  # the port was opened by a transfer
        self._frame_alarm.schedule_ticks(self._FRAME_TICKS)

    def _frame(self) -> None:
        usb = self._usb
        usb._sof_frame_number = (usb._sof_frame_number + 1) % self._FRAME_NUMBERS
        if not usb._int_raw & INTR_DEV_SOF:
            usb._int_raw |= INTR_DEV_SOF
            usb.check_interrupts()
        self._frames += 1
        if self._host == "stalls":  # only now: opening the port is a transfer, too
            usb.write_delay_microseconds = self._NEVER_US
        self._frame_alarm.schedule_ticks(self._FRAME_TICKS)

    def _chip_reset(self) -> None:
        self._frame_alarm.cancel()
        self._frames = -1
        self._unanswered = False
        self._usb.write_delay_microseconds = self._prompt_us
        self._forget()

    @property
    def _opening(self) -> bool:
        """The port has just been opened, and the chip counts frames."""
        if not self._cdc.dtr:
            return False
        least, most = self._OPENING_FRAMES
        frames = self._frames - self._told
        return self._unanswered or frames < least or (frames < most and bool(self._usb._int_enable & INTR_DEV_SOF))

    def send(self, data: bytes) -> None:
        """Queue bytes for the chip; without a host they are lost."""
        if self._host == "none":
            return
        self._in += data
        if self._in and not self._running:
            self._running = True
            self._alarm.schedule_ticks(self._PACKET_TICKS)

    def _packet(self) -> None:
        if self._opening:
            self._alarm.schedule_ticks(self._FRAME_TICKS)
            return
        if self._cdc.tx_fifo.item_count == 0:
            for byte in self._in[: self.PACKET_BYTES]:
                self._cdc.send_serial_byte(byte)
            del self._in[: self.PACKET_BYTES]
        self._running = bool(self._in)
        if self._running:
            self._alarm.schedule_ticks(self._PACKET_TICKS)

    @property
    def state(self) -> str:
        """In words, for whoever wonders why nothing comes."""
        port = "open" if self._cdc.dtr else "closed"
        transfer = "under way" if self._unanswered else "none"
        frames = "not configured" if self._frames < 0 else f"{self._frames} frames"
        armed = len(self._cdc._parked_out_reads)
        return (
            f"USB: port {port}, {frames}, control transfer {transfer}, to the chip {self.queued} and "
            f"{self._cdc.tx_fifo.item_count} bytes, {armed} packets asked for, interrupts {self._usb._int_raw:#x} of "
            f"{self._usb._int_enable:#x}"
        )

    @property
    def queued(self) -> int:
        """Bytes that wait for the chip to take them."""
        return len(self._in)

    @property
    def waiting(self) -> int:
        """Bytes that the chip wrote since the last take."""
        return len(self._out)

    def set_open(self, is_open: bool) -> None:
        """A program on the host opens or closes the port: DTR, which MicroPython watches.

        Say it again and again: while the chip is not ready for a control transfer nothing happens.
        """
        if self._frames < 0 or self._unanswered:
            return
        if self._cdc.dtr != is_open and self._frames >= self._may_tell and not self._opening:
            self._unanswered = True
            self._cdc.set_control_lines(dtr=is_open, rts=is_open)

    def set_pace(self, packet_us: int) -> None:
        """How long the host leaves each of the chip's next packets waiting; PROMPT_US is a host that reads on.

        The emulated controller cannot take a packet early that it has begun to hold, so this is as long as a reader
        waits that comes back.
        """
        if self._frames >= 0:
            self._usb.write_delay_microseconds = packet_us

    def take(self) -> bytes:
        """What the chip wrote since the last take."""
        data = bytes(self._out)
        self._out.clear()
        return data
