"""Pictures for the report: what a stretch of a transport stream shows, or a dark card if nothing."""

import dataclasses
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.codec.context import CodecContext
from av.container import InputContainer
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from headend.ts.portions import Portion

from testbed.scenario.broadcasts.analysis import Analysis
from testbed.scenario.broadcasts.glyphs import Image, draw_text
from testbed.scenario.broadcasts.packetfile import Rows, read_packets

PICTURE_WIDTH = 320
CARD_WIDTH, CARD_HEIGHT = 320, 240
MAX_PICTURED_PORTIONS = 48
_FRAMES_AFTER_KEY = 15  # how far past a key frame to look: enough to show motion, cheap for large pictures
_LEAD_IN_PORTIONS = 5  # how many clear portions before one may hold its key frame
_PSI_LOOKBACK_PACKETS = 4096


@dataclasses.dataclass(frozen=True)
class Picture:
    """An encoded picture. `decoded` is False for a dark card."""

    data: bytes
    mime: str
    decoded: bool


def frame_at(packets: bytes, skip_bytes: int = 0) -> Picture | None:
    """A picture from the stretch `packets` of a transport stream, or None where nothing decodes.

    `skip_bytes` at the front are lead-in: they may hold PSI and the key frame, but the picture comes from
    after them. Never raises for what is in `packets`.
    """
    with _quiet():
        try:
            frame = _decode(packets, skip_bytes)
            return None if frame is None else Picture(_jpeg(*frame), "image/jpeg", True)
        except (av.FFmpegError, ValueError, EOFError):
            return None


def dark_card(line: str) -> Picture:
    """A card in place of a picture, with a padlock and `line` (at most 26 of A-Z, 0-9, space, ":.-")."""
    rows, columns = np.mgrid[0:CARD_HEIGHT, 0:CARD_WIDTH]
    card = np.empty((CARD_HEIGHT, CARD_WIDTH, 3), dtype=np.uint8)
    card[:] = (14, 16, 22)
    card[(rows + columns) // 10 % 2 == 0] = (18, 20, 27)
    ink = (92, 100, 118)
    distance = np.hypot(columns - 160, rows - 92)
    card[(distance < 26) & (distance > 18) & (rows < 100)] = ink
    card[(rows >= 98) & (rows < 138) & (abs(columns - 160) < 34)] = ink
    card[np.hypot(columns - 160, rows - 113) < 6] = (14, 16, 22)
    card[(rows >= 113) & (rows < 127) & (abs(columns - 160) < 3)] = (14, 16, 22)
    draw_text(card, line, 160, 164, 2, ink)
    return Picture(_png(card), "image/png", False)


@dataclasses.dataclass(frozen=True)
class Stretch:
    """A stretch of a stream in packets. `follows_on`: it continues the one before without a gap, so a
    key frame there serves it too. `dark_line` is what its card says where nothing decodes."""

    first: int
    packets: int
    follows_on: bool
    dark_line: str


def stretch_pictures(path: Path, stretches: Sequence[Stretch]) -> list[Picture]:
    """A picture of each stretch of the stream at `path`: decoded, or a dark card."""
    rows = read_packets(path, may_be_empty=True).rows
    cards = {line: dark_card(line) for line in sorted({stretch.dark_line for stretch in stretches})}
    pictures = []
    for number, stretch in enumerate(stretches):
        picture = frame_at(_bytes_of(rows, stretch, stretch.first)[0])
        back = number
        while picture is None and stretches[back].follows_on and back > max(0, number - _LEAD_IN_PORTIONS):
            back -= 1
            picture = frame_at(*_bytes_of(rows, stretch, stretches[back].first))
        pictures.append(picture or cards[stretch.dark_line])
    return pictures


def viewer_pictures(received: Path, analysis: Analysis) -> list[Picture]:
    """What a viewer sees in each portion, from the terminal's output."""
    stretches = []
    before = False
    for portion in analysis.portions:
        line = "NO WHOLE PICTURE" if portion.clear_packets else "DARK: NO KEY"
        stretches.append(Stretch(portion.received_offset, portion.received_packets, before, line))
        before = portion.clear_packets == portion.scrambled_packets > 0
    return stretch_pictures(received, stretches)


def other_pictures(broadcast: Path, portions: Sequence[Portion]) -> list[Picture]:
    """What somebody without keys sees in each portion: the broadcast with nothing opened."""
    stretches = [Stretch(part.first_packet, part.packets, False, "SCRAMBLED") for part in portions]
    return stretch_pictures(broadcast, stretches)


def _bytes_of(rows: Rows, stretch: Stretch, lead_in: int) -> tuple[bytes, int]:
    """The bytes from packet `lead_in` to the stretch's end behind the PSI that went before, and how many of
    them precede the stretch."""
    psi = _psi_before(rows, lead_in)
    data = psi + rows[lead_in : stretch.first + stretch.packets].tobytes()
    return data, len(psi) + rows[lead_in : stretch.first].size


def _psi_before(rows: Rows, end: int) -> bytes:
    """The last PAT before packet `end` and the first programme's last PMT, one packet of each."""
    part = rows[max(0, end - _PSI_LOOKBACK_PACKETS) : end]
    pids = (part[:, 1].astype(np.uint16) & np.uint16(0x1F)) << np.uint16(8) | part[:, 2]
    tables = np.flatnonzero((pids == 0) & (part[:, 1] & 0x40 != 0))
    if not len(tables):
        return b""
    pat = part[tables[-1]]
    # A PAT packet as multiplexers send it: no adaptation field, section at byte 5, first programme at 13.
    at = 13 if pat[13:15].any() else 17
    pid = (int(pat[at + 2]) & 0x1F) << 8 | int(pat[at + 3])
    maps = np.flatnonzero((pids == pid) & (part[:, 1] & 0x40 != 0))
    chosen = [pat, part[maps[-1]]] if len(maps) else [pat]
    return b"".join(bytes(row) for row in chosen)


def _decode(data: bytes, skip_bytes: int) -> tuple[VideoFrame, float] | None:
    """A frame and how wide its pixels are for their height."""
    options = {"probesize": str(max(len(data), 4096)), "analyzeduration": "10000000"}
    with av.open(io.BytesIO(data), "r", format="mpegts", options=options) as container:
        if not container.streams.video:
            return None
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        for run in _runs(_packets_of(container, stream), skip_bytes):
            decoder = stream.codec_context
            decoder.flush_buffers()
            frames = []
            for packet in [*run, None]:
                try:
                    frames += decoder.decode(packet)
                except av.FFmpegError:
                    continue
            whole = [frame for frame in frames if not frame.is_corrupt]
            if whole:
                pixel_aspect = float(decoder.sample_aspect_ratio or 1)
                return max(whole, key=lambda frame: frame.pts or 0), pixel_aspect
    return None


def _packets_of(container: InputContainer, stream: "VideoStream") -> list["Packet[VideoStream]"]:
    packets = []
    try:
        for packet in container.demux(stream):
            if packet.size:
                packets.append(packet)
    except IndexError:
        # A table in the middle brought further streams, which PyAV's list lacks: its closing flush looks for them.
        pass
    return packets


def _runs(packets: Sequence["Packet[VideoStream]"], skip_bytes: int) -> Iterator[list["Packet[VideoStream]"]]:
    """Runs of packets worth decoding, best first: from a key frame to a target near the middle."""
    keys = [number for number, packet in enumerate(packets) if packet.is_keyframe]
    counted = [number for number, packet in enumerate(packets) if (packet.pos or 0) >= skip_bytes]
    if not keys or not counted:
        return
    middle = counted[len(counted) // 2]
    # The last frame of a stretch may be cut off: do not begin there while there is another.
    inside = [key for key in keys if key in range(counted[0], counted[-1])] or keys[-1:]
    for key in sorted(inside, key=lambda number: abs(number - middle))[:3]:
        following = next((other for other in keys if other > key), len(packets))
        end = max(min(key + _FRAMES_AFTER_KEY, following), counted[0] + 1 if key < counted[0] else key + 1)
        yield list(packets[key:end])


def _jpeg(frame: VideoFrame, pixel_aspect: float) -> bytes:
    aspect = frame.width / frame.height * pixel_aspect
    height = max(2, round(PICTURE_WIDTH / aspect) // 2 * 2)
    small = frame.reformat(PICTURE_WIDTH, min(height, 2 * PICTURE_WIDTH), "yuvj420p")
    return _encode(small, "mjpeg", "yuvj420p", {"qmin": "4", "qmax": "4", "flags": "+bitexact"})


def _png(image: Image) -> bytes:
    return _encode(VideoFrame.from_ndarray(image, format="rgb24"), "png", "rgb24", {"flags": "+bitexact"})


def _encode(frame: VideoFrame, codec: str, pixels: str, options: dict[str, str]) -> bytes:
    encoder = CodecContext.create(codec, "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, pixels
    encoder.time_base, encoder.options, encoder.thread_count = Fraction(1, 25), options, 1
    frame.pts = 0
    frame.time_base = Fraction(1, 25)
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])


@contextmanager
def _quiet() -> Iterator[None]:
    """No word from the decoders: most of what they are given here cannot be decoded."""
    level = av.logging.get_level()
    av.logging.set_level(None)
    try:
        yield
    finally:
        av.logging.set_level(level)
