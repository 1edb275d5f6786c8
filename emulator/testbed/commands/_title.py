"""What the commands of `ringcast title` share: keys from files and options, and how a title is shown."""

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from settop.errors import LocalError

from testbed.commands._files import hex_bytes, read_twice, warn

if TYPE_CHECKING:
    from headend.titles.info import TitleInfo, TrackInfo

Key = Annotated[
    str | None,
    typer.Option(
        "--key", metavar="HEX", help="The key, 32 hex digits. Secret: other programs see arguments; prefer --key-file."
    ),
]
KeyFile = Annotated[
    Path | None,
    typer.Option("--key-file", metavar="FILE", help="A file with the key as 32 hex digits, or a Clear Key licence."),
]
Kid = Annotated[str | None, typer.Option("--kid", metavar="HEX", help="The key's id, 32 hex digits. Not secret.")]

_KEY_BYTES = 16
_FILE_LIMIT = 4 << 20


@dataclass(frozen=True)
class GivenKeys:
    """Keys by their ids, and one without an id (or None)."""

    by_id: dict[bytes, bytes] = field(repr=False)
    alone: bytes | None = field(repr=False)


def given_keys(command: str, key: str | None, key_file: Path | None, kid: str | None) -> GivenKeys:
    """The keys that --key, --key-file and --kid say. Raises a usage error, LocalError, RemoteError."""
    if (key is None) == (key_file is None):
        raise typer.BadParameter("give the key by --key-file FILE or by --key HEX")
    kid_bytes = None if kid is None else sixteen(kid, "--kid")
    if key is not None:
        warn(command, "--key is seen by whoever lists this computer's programs, and kept by shells: prefer --key-file")
        return _with_id(sixteen(key, "--key"), kid_bytes)
    assert key_file is not None
    text = _read_private(key_file)
    if not text.lstrip().startswith(b"{"):
        try:
            found = bytes.fromhex(text.decode("ascii"))
        except ValueError:
            found = b""
        if len(found) != _KEY_BYTES:
            raise LocalError(
                f"key file {key_file} must hold {2 * _KEY_BYTES} hex digits, or a Clear Key licence (JSON)"
            )
        return _with_id(found, kid_bytes)
    from headend.titles.licence import read_licence

    keys = dict(read_licence(text).keys)
    if kid_bytes is None:
        return GivenKeys(keys, None)
    if kid_bytes not in keys:
        raise LocalError(f"{key_file} has no key of id {kid}; it has {', '.join(one.hex() for one in keys)}")
    return GivenKeys({kid_bytes: keys[kid_bytes]}, None)


def _with_id(key: bytes, kid: bytes | None) -> GivenKeys:
    return GivenKeys({}, key) if kid is None else GivenKeys({kid: key}, None)


def sixteen(text: str, option: str) -> bytes:
    """Sixteen octets from a hex option; a failure does not repeat the text, which may be a secret."""
    found = hex_bytes(text.replace("-", "") if option == "--kid" else text, option)
    if len(found) != _KEY_BYTES:
        raise typer.BadParameter(f"{option} must be {2 * _KEY_BYTES} hex digits; it has {2 * len(found)}")
    return found


def _read_private(path: Path) -> bytes:
    """What a file holds that others must not read."""
    from headend.ts.io.targets import is_stream

    is_pipe = is_stream(path)
    with read_twice(path) as name, open(name, "rb") as file:
        if not is_pipe and stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
            raise LocalError(f"key file {path} can be read by others: make it private with chmod 600")
        return file.read(_FILE_LIMIT)


def one_key(command: str, key: str | None, key_file: Path | None, kid: str | None) -> tuple[bytes, bytes | None]:
    """(the key, its id, None without one). Raises as `given_keys`; LocalError for a licence of several keys."""
    given = given_keys(command, key, key_file, kid)
    if given.alone is not None:
        return given.alone, None
    if len(given.by_id) != 1:
        held = ", ".join(one.hex() for one in given.by_id)
        raise LocalError(f"the licence has {len(given.by_id)} keys: say which by --kid, of {held}")
    ((found, secret),) = given.by_id.items()
    return secret, found


def show_info(info: "TitleInfo", name: str) -> None:
    """As text, for people."""
    from testbed.commands._centre import printable

    how = f"{info.fragments} fragments" if info.fragments else "no fragments"
    scheme = "clear (scheme none)" if info.scheme == "none" else f"encrypted, scheme {info.scheme}"
    lines = [f"{name}: {info.octets:,} bytes, brand {info.brand}, {_time(info.duration_s)}, {how}, {scheme}"]
    lines += [line for track in info.tracks for line in _track_lines(track)]
    lines += [f"extra {extra}: {octets:,} bytes" for extra, octets in info.extras.items()]
    lines += [f"purchaser {info.purchaser}" if info.purchaser is not None else "no purchaser's number"]
    lines += [f"pssh of system {system}" for system in info.systems]
    typer.echo("\n".join(printable(line) for line in lines))


def _track_lines(track: "TrackInfo") -> list[str]:
    rate = f", {track.octets * 8 / track.duration_s / 1000:.0f} kbit/s" if track.duration_s else ""
    samples = f"{track.samples} samples, {track.octets:,} bytes, {_time(track.duration_s)}{rate}"
    lines = [f"track {track.id}: {track.kind}, {track.codec} ({track.entry}), {samples}"]
    if track.kid:
        pattern = f", pattern {track.pattern}" if track.pattern else ""
        lines.append(f"  {track.scheme}, key id {track.kid}, IV {track.iv}{pattern}")
    lines += [f"  and key id {kid}" for kid in track.key_ids]
    return lines


def _time(seconds: float) -> str:
    return f"{int(seconds) // 3600}:{int(seconds) // 60 % 60:02}:{seconds % 60:06.3f}"
