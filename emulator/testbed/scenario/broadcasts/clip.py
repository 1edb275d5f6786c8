"""The demo's own programme: an MPEG transport stream with a test card and a tone, made with PyAV."""

import colorsys
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from settop.errors import LocalError
from settop.wire.transport import NULL_PID, PACKET_BYTES

from testbed.scenario.broadcasts.glyphs import Image, draw_text

WIDTH, HEIGHT, FRAMES_PER_SECOND = 320, 240, 25
SAMPLE_RATE, AUDIO_BITRATE = 48_000, 64_000
SAMPLES_PER_FRAME = SAMPLE_RATE // FRAMES_PER_SECOND
MIN_BITRATE = 300_000
PCR_PERIOD_MS = 20
MUX_DELAY_MS = 400  # how early, at most, a frame is sent: what a key frame needs at this rate

_GROUND = (18, 22, 30)
_INK = (240, 242, 245)
_BARS = ((191, 191, 191), (191, 191, 0), (0, 191, 191), (0, 191, 0), (191, 0, 191), (191, 0, 0), (0, 0, 191))
_BAR_HEIGHT = 44
_CENTRE_X, _CENTRE_Y, _RADIUS, _RING = WIDTH // 2, 126, 62, 12
# A pentatonic scale from A3: any order of its notes is bearable.
_NOTES_HZ = (220.0, 246.9, 277.2, 329.6, 370.0, 440.0, 493.9, 554.4)


@dataclasses.dataclass(frozen=True)
class ClipInfo:
    """What `make_clip` wrote. `bitrate` is the mux rate in bit/s, null packets included."""

    path: Path
    seconds: int
    bitrate: int
    packets: int
    null_packets: int
    width: int = WIDTH
    height: int = HEIGHT
    frames_per_second: int = FRAMES_PER_SECOND


def make_clip(path: Path, seconds: int = 24, bitrate: int = 480_000, seed: int = 1) -> ClipInfo:
    """Write a clip of `seconds` (1 to 3600) at a constant `bitrate` (bit/s, at least 300,000) to `path`.

    H.264 320x240 at 25 frames/s with a key frame each second, MPEG-1 layer II sound, PCR at most 40 ms
    apart, null packets up to the mux rate. `seed` picks colours and notes. The same arguments give the same
    bytes with the same PyAV. Raises LocalError for a length or rate out of range.
    """
    if not 1 <= seconds <= 3600:
        raise LocalError(f"a clip of {seconds} s was asked for; 1 to 3600 s can be made")
    if bitrate < MIN_BITRATE:
        raise LocalError(f"a clip at {bitrate} bit/s was asked for; give {MIN_BITRATE} or more")
    rng = np.random.default_rng(seed)
    hue = float(rng.random())
    notes = rng.permutation(np.array(_NOTES_HZ))
    options = {
        "muxrate": str(bitrate),
        "pcr_period": str(PCR_PERIOD_MS),
        "max_delay": str(MUX_DELAY_MS * 1000),
        "pes_payload_size": "750",  # about four frames of sound to a PES packet
        "fflags": "+bitexact",
        "mpegts_flags": "+resend_headers",
    }
    with av.open(str(path), "w", format="mpegts", options=options) as container:
        container.metadata.update({"service_name": "ringcast test card", "service_provider": "ringcast"})
        video = container.add_stream("libx264", rate=FRAMES_PER_SECOND, options=_x264_options(bitrate))
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.codec_context.thread_count = 1
        audio = container.add_stream("mp2", rate=SAMPLE_RATE, layout="mono")
        audio.bit_rate = AUDIO_BITRATE
        audio.codec_context.flags |= 1 << 23  # AV_CODEC_FLAG_BITEXACT
        for number, (picture, sound) in enumerate(zip(_pictures(seconds, hue), _sound(seconds, notes), strict=True)):
            frame = VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = number
            container.mux(video.encode(frame))
            samples = AudioFrame.from_ndarray(sound[None, :], format="s16", layout="mono")
            samples.sample_rate, samples.pts = SAMPLE_RATE, number * SAMPLES_PER_FRAME
            container.mux(audio.encode(samples))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))
    rows = np.fromfile(path, dtype=np.uint8).reshape(-1, PACKET_BYTES)
    pids = (rows[:, 1].astype(np.uint16) & 0x1F) << 8 | rows[:, 2]
    return ClipInfo(path, seconds, bitrate, len(rows), int(np.count_nonzero(pids == NULL_PID)))


def _x264_options(bitrate: int) -> dict[str, str]:
    # What PSI, PES heads, packet ends and sound take of the mux rate, and a tenth for null packets.
    video = int((bitrate - AUDIO_BITRATE - 75_000) * 0.86) // 1000
    parameters = {
        "keyint": FRAMES_PER_SECOND, "min-keyint": FRAMES_PER_SECOND, "scenecut": 0, "bframes": 0,
        "threads": 1, "sliced-threads": 0, "sync-lookahead": 0, "rc-lookahead": 0, "mbtree": 0,
        "bitrate": video, "vbv-maxrate": video, "vbv-bufsize": video // 5, "nal-hrd": "vbr",
    }  # fmt: skip
    text = ":".join(f"{name}={value}" for name, value in parameters.items())
    return {"preset": "veryfast", "flags": "+bitexact", "x264-params": text}


def _pictures(seconds: int, hue: float) -> Iterator[Image]:
    """The test card's frames, (HEIGHT, WIDTH, 3) RGB each."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    distance = np.hypot(columns - _CENTRE_X, rows - _CENTRE_Y)
    disc = distance < _RADIUS - _RING - 3
    ring = (distance >= _RADIUS - _RING) & (distance < _RADIUS)
    # Parts of a turn, clockwise from twelve o'clock: the ring fills once a second.
    turn = (np.arctan2(columns - _CENTRE_X, _CENTRE_Y - rows) / (2 * np.pi)) % 1.0
    ground = _ground()
    total = seconds * FRAMES_PER_SECOND
    for second in range(seconds):
        colour = _rgb(hue + second * 0.381966, 0.72, 0.80)  # the golden angle keeps neighbours apart
        still = ground.copy()
        still[disc] = _rgb(hue + second * 0.381966, 0.65, 0.36)
        still[ring] = (52, 58, 70)
        draw_text(still, f"{second % 100:02d}", _CENTRE_X, _CENTRE_Y - 24, 7, _INK)
        for step in range(FRAMES_PER_SECOND):
            picture = still.copy()
            picture[ring & (turn <= (step + 1) / FRAMES_PER_SECOND)] = colour
            # The moving bar crosses the card once in two seconds, there and back in four.
            phase = (second % 4 * FRAMES_PER_SECOND + step) / (2 * FRAMES_PER_SECOND)
            left = round((1 - abs(1 - phase)) * (WIDTH - 24))
            picture[_BAR_HEIGHT + 4 : _BAR_HEIGHT + 10, left : left + 24] = _INK
            done = round((second * FRAMES_PER_SECOND + step + 1) / total * WIDTH)
            picture[HEIGHT - 6 :, :done] = colour
            timecode = f"{second // 60:02d}:{second % 60:02d}:{step:02d}"
            draw_text(picture, timecode, 252, 206, 2, (150, 158, 172))
            yield picture


def _ground() -> Image:
    """What does not move: colour bars, grey steps at both sides, the wordmark."""
    image = np.empty((HEIGHT, WIDTH, 3), dtype=np.uint8)
    image[:] = _GROUND
    edges = np.linspace(0, WIDTH, len(_BARS) + 1).astype(int)
    for number, colour in enumerate(_BARS):
        image[:_BAR_HEIGHT, edges[number] : edges[number + 1]] = colour
    for number in range(6):
        level = 30 + number * 40
        image[76 + number * 17 : 93 + number * 17, 16:40] = level
        image[76 + number * 17 : 93 + number * 17, WIDTH - 40 : WIDTH - 16] = 260 - level
    draw_text(image, "ringcast", 64, 206, 2, _INK)
    image[HEIGHT - 6 :] = (40, 45, 56)
    return image


def _rgb(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def _sound(seconds: int, notes: npt.NDArray[np.float64]) -> Iterator[npt.NDArray[np.int16]]:
    """One frame's samples at a time: a note each second, faded at both ends so that it does not click."""
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    fade = np.clip(np.minimum(time, 1 - time) / 0.06, 0, 1)
    for second in range(seconds):
        wave = np.sin(2 * np.pi * notes[second % len(notes)] * time) * fade * 0.1
        samples = (wave * 32767).astype(np.int16)
        for start in range(0, SAMPLE_RATE, SAMPLES_PER_FRAME):
            yield samples[start : start + SAMPLES_PER_FRAME]
