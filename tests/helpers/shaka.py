"""What Shaka Packager is told, and what it makes."""

import subprocess
from pathlib import Path

from tests.helpers.tunes import KEY, KID, packets

KEYS = ("--keys", f"label=:key_id={KID.hex()}:key={KEY.hex()}")
HOW = {
    "cenc": ("--protection_scheme", "cenc"),
    "cenc, IVs of 16": ("--protection_scheme", "cenc", "--iv", "00112233445566778899aabbffffffff"),
    "cbcs": ("--protection_scheme", "cbcs"),
    "cbcs, 5:5": ("--protection_scheme", "cbcs", "--crypt_byte_block", "5", "--skip_byte_block", "5"),
    "cbcs, 10:0": ("--protection_scheme", "cbcs", "--crypt_byte_block", "10", "--skip_byte_block", "0"),
}
ROTATES = ("--crypto_period_duration", "1", "--segment_duration", "0.5")


def turned_keys() -> dict[bytes, bytes]:
    """Its key of each period is the one before, turned by an octet, and so is the id."""
    return {KID[by:] + KID[:by]: KEY[by:] + KEY[:by] for by in range(16)}


def protected(program: str, source: Path, folder: Path, *how: str) -> list[tuple[str, list[bytes], Path]]:
    """(codec, clear packets, its encrypted file) of each stream of `source`."""
    clear = packets(source)
    paths = [folder / f"theirs{number}.mp4" for number in range(len(clear))]
    outputs = [f"in={source},stream={number},output={path}" for number, path in enumerate(paths)]
    command = [program, *outputs, "--enable_raw_key_encryption", *KEYS, *how, "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [(codec, found, path) for (codec, found), path in zip(clear, paths, strict=True)]
