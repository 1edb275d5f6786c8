"""Each scheme's weight: what it leaves of a clip to who has no key, beside what it costs a small board to undo."""

import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from testbed.bench.weighing.clip import Clip, heard
from testbed.bench.weighing.on_pico import SECONDS, Cost, costs
from testbed.bench.weighing.schemes import (
    CLEAR,
    SCHEMES,
    Scheme,
    frames_of,
    octets_that_count,
    with_headers,
    write_files,
)
from testbed.bench.weighing.without_key import Degraded, ask_ffmpeg, degraded, write_wav
from testbed.runtimes.image import Image

Say = Callable[[str], None]


@dataclass(frozen=True)
class Weight:
    """One scheme: `counted` octets, of which `changed` are others than in the clear clip."""

    scheme: Scheme
    counted: int
    changed: int
    without_key: Degraded
    cost: Cost

    def as_json(self) -> dict[str, Any]:
        return {
            "scheme": self.scheme.name,
            "what": self.scheme.words,
            "octets_counted": self.counted,
            "octets_changed": self.changed,
            "without_key": _rounded(asdict(self.without_key)),
            "cycles_per_second_of_sound": {"whole": self.cost.whole, "opening": self.cost.opening},
            "core_percent": {
                "whole": round(self.cost.core_percent, 2),
                "opening": round(self.cost.opening_percent, 2),
            },
        }


def _rounded(found: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _rounded(value) if isinstance(value, dict) else round(value, 4) if isinstance(value, float) else value
        for name, value in found.items()
    }


def weigh(clip: Clip, image: Image, out: Path | None = None, say: Say = lambda line: None) -> list[Weight]:
    """The weights of SCHEMES. out: a folder for WAV files of what is heard without the key, and of the clip.

    Raises OSError, MachineError.
    """
    clear, _ = heard(clip.frames, clip)
    if out is not None:
        write_wav(out / "clear.wav", clear, clip.rate)
    with tempfile.TemporaryDirectory(prefix="ringcast-weigh-") as name:
        folder = Path(name)
        say(f"the emulated Pico reads {SECONDS:g} s under each scheme, with the key ...")
        start = clip.first(SECONDS)
        (folder / "pico").mkdir()
        cost = costs(image, start, write_files(start, folder / "pico", (CLEAR, *SCHEMES)), SCHEMES)
        files = write_files(clip, folder, SCHEMES)
        weights = []
        for scheme in SCHEMES:
            say(f"{scheme.name}: {scheme.words}, without the key ...")
            frames = frames_of(files[scheme.name], clip)
            got, decoded = heard(frames, clip)
            again, mended = heard(with_headers(frames, clip), clip)
            if out is not None:
                write_wav(out / f"{scheme.name}.wav", got, clip.rate)
                write_wav(out / f"{scheme.name}-repaired.wav", again, clip.rate)
            changed = sum(
                a != b for one, other in zip(clip.frames, frames, strict=True) for a, b in zip(one, other, strict=True)
            )
            found = Degraded(
                degraded(clear, got, decoded, clip),
                degraded(clear, again, mended, clip),
                ask_ffmpeg(files[scheme.name], clip),
            )
            counted = octets_that_count(clip, scheme)
            weights.append(Weight(scheme, counted, changed, found, cost[scheme.name]))
    return weights


def as_json(clip: Clip, weights: list[Weight]) -> dict[str, Any]:
    """All that was found, for a program."""
    about = {"origin": clip.origin, "frames": len(clip.frames), "octets": clip.octets, "rate": clip.rate}
    about.update(channels=clip.channels, seconds=round(clip.seconds, 3))
    return {"clip": about, "schemes": [weight.as_json() for weight in weights]}
