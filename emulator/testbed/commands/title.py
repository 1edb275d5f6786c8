"""`ringcast title`: what is sold as a file: packed, opened, looked at; licences; every tenth octet for weak players."""

import os
from pathlib import Path
from typing import Annotated

import typer
from settop.errors import LocalError

from testbed.commands import _title as shared
from testbed.commands._files import progress_for, warn
from testbed.commands._licence_serve import serve
from testbed.commands._title import Key, KeyFile, Kid
from testbed.commands._title_weigh import weigh
from testbed.commands.ending import fail

app = typer.Typer(
    help="Titles: fragmented MP4 with Common Encryption, which every tool can read and who has the key can play.\n\n"
    "docs/titles.md explains the format and the commands.",
    no_args_is_help=True,
    add_completion=False,
)
licence = typer.Typer(help="Licences: keys as Clear Key JSON (W3C EME).", no_args_is_help=True, add_completion=False)
app.add_typer(licence, name="licence")
app.command()(weigh)
licence.command()(serve)
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # no linear algebra here: spares numpy's thread pool

In = Annotated[Path, typer.Argument(metavar="IN", help="A file.")]
Out = Annotated[Path, typer.Argument(metavar="OUT", help="The file to write, whole or not at all.")]


@app.command()
def pack(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Sound or film in any file that FFmpeg reads.")],
    target: Out,
    scheme: Annotated[
        str, typer.Option("--scheme", metavar="cenc|cbcs|none", help="AES-CTR, AES-CBC in a pattern, or a clear title.")
    ],
    key: Key = None,
    key_file: KeyFile = None,
    kid: Kid = None,
    extra: Annotated[
        list[str] | None,
        typer.Option("--extra", metavar="NAME=FILE", help="lyrics, cover, composer, score or any name; repeat it."),
    ] = None,
    purchaser: Annotated[
        int | None, typer.Option("--purchaser", metavar="N", help="The buyer's number; read from any copy, no secret.")
    ] = None,
    iv: Annotated[
        str | None,
        typer.Option(
            "--iv", metavar="8|16|constant", help="IVs: cenc 8 (default) or 16; cbcs constant (default) or 16."
        ),
    ] = None,
) -> None:
    """Pack IN as a title: remuxed into fragmented MP4, encrypted, with extras and the purchaser's number.

    What MP4 has a place for goes in as it is, the rest is transcoded to AAC or H.264; tracks that are neither sound nor
    picture are left out, and lines say so. The scheme none makes a clear title, which needs no key. A key file holds 32
    hex digits, or is a licence of `ringcast title licence write`.

    \b
      (umask 077; openssl rand -hex 16 > song.key)
      ringcast title pack song.mp3 song.mp4 --scheme cenc --key-file song.key --kid $(openssl rand -hex 16)
      ringcast title pack film.mkv film.mp4 --scheme cbcs --key-file film.json --extra cover=film.jpg --purchaser 4711
      ringcast title pack hymn.wav hymn.mp4 --scheme none --extra score=hymn.pdf

    Exit status: 0 done; 1 it cannot be done, and a line says why: OUT is as it was then; 2 for options that mean
    nothing.
    """
    from headend.files import together
    from headend.titles.output import FileOutput
    from headend.titles.packer import lock_of
    from headend.titles.packer import pack as pack_it
    from headend.titles.protection import NONE
    from headend.ts.io.targets import refuse_same_file

    _must_be_files(source, target)
    extras = _read_extras(extra or [])
    secret, own_kid = None, None
    if scheme != NONE or key is not None or key_file is not None:
        secret, own_kid = shared.one_key("title pack", key, key_file, kid)
        if own_kid is None and scheme != NONE:
            raise typer.BadParameter("--kid is missing: a player finds the key by it; openssl rand -hex 16 draws one")
    lock = lock_of(scheme, secret, own_kid, iv)
    refuse_same_file(source, target)
    with together() as files, progress_for(source, "packing") as progress:
        done = pack_it(source, FileOutput(files.open(target)), lock, extras, purchaser, progress=progress)
    for was, became in done.remuxed.tracks:
        if was != became:
            warn("title pack", f"{was} is transcoded to {became}")
    for line in done.remuxed.left_out:
        warn("title pack", line)
    tracks = " and ".join(became for _, became in done.remuxed.tracks)
    typer.echo(f"{target}: {tracks}, {done.samples} samples, scheme {done.scheme}")


def _must_be_files(source: Path, target: Path | None = None) -> None:
    """Raises LocalError for pipes and descriptors: a title is read more than once, and its index written last."""
    from headend.ts.io.targets import is_stream

    if is_stream(source) or (source.exists() and not source.is_file()):
        raise LocalError(f"{source} is not a regular file: a title is read more than once; copy it to one")
    if target is not None and is_stream(target):
        raise LocalError(f"{target} is not a file: a title's index is written last, in front; name a file")


def _read_extras(given: list[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for text in given:
        name, equals, path = text.partition("=")
        if not (name and equals and path):
            raise typer.BadParameter(f"--extra takes NAME=FILE, such as lyrics=words.txt, not {text!r}")
        if name in found:
            raise typer.BadParameter(f"--extra {name} is given twice")
        found[name] = Path(path).read_bytes()
    return found


@app.command()
def unpack(
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="A title, ours or another packager's (MP4, cenc or cbcs).")
    ],
    target: Out,
    key: Key = None,
    key_file: KeyFile = None,
    kid: Kid = None,
) -> None:
    """Open a title: IN without its encryption, extras and purchaser's number where they were.

    A key without --kid is taken for whatever IN wants; a licence's keys by their ids. Where IN is cut or damaged, OUT
    has what was good before that place, and the exit status is 1.

    \b
      ringcast title unpack song.mp4 clear.mp4 --key-file song.key
      ringcast title unpack film.mp4 clear.mp4 --key-file licence.json

    Exit status: 0 done; 1 it cannot be done, or not to the end, and a line says why; 2 for options that mean nothing.
    """
    from headend.files import together
    from headend.titles.keys import Keys
    from headend.titles.opening import DamagedError
    from headend.titles.opening import unpack as unpack_it
    from headend.titles.output import FileOutput
    from headend.ts.io.targets import refuse_same_file

    _must_be_files(source, target)
    given = shared.given_keys("title unpack", key, key_file, kid)
    refuse_same_file(source, target)
    damage: DamagedError | None = None
    done = None
    with together() as files, progress_for(source, "opening") as progress:
        output = FileOutput(files.open(target))
        try:
            done = unpack_it(source, output, Keys(given.by_id, given.alone), progress)
        except DamagedError as error:
            damage = error
    if damage is not None or done is None:
        fail(f"{damage}; the {damage.samples if damage else 0} samples before it are in {target}")
    clear = f", {done.clear} were clear" if done.clear else ""
    typer.echo(f"{target}: {done.decrypted} samples decrypted{clear}")


@app.command()
def info(
    source: In,
    json_: Annotated[bool, typer.Option("--json", help="The same as a JSON object on standard output.")] = False,
) -> None:
    """Say what a title is: tracks, codecs, encryption, key ids, extras, purchaser. It needs no key, and shows none.

    \b
      ringcast title info song.mp4
      ringcast title info song.mp4 --json | jq .tracks[0].kid

    Exit status: 0; 1 where the file cannot be read, or is cut or damaged, and a line says so.
    """
    import json

    from headend.titles.info import read_info

    _must_be_files(source)
    found = read_info(source)
    if json_:
        typer.echo(json.dumps(found.as_json(), indent=2))
    else:
        shared.show_info(found, str(source))
    if found.note:
        fail(found.note)


@app.command()
def tenth(
    source: Annotated[Path, typer.Argument(metavar="IN", help="An MP3 file.")],
    target: Out,
    key: Key = None,
    key_file: KeyFile = None,
    kid: Kid = None,
    spare_headers: Annotated[
        bool,
        typer.Option("--spare-headers", help="Leave the four octets of each frame's header, and do not count them."),
    ] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="IN is what this command made: OUT is as it was before.")
    ] = False,
) -> None:
    """Encrypt every tenth octet of an MP3 file, for players that can do no more.

    This hides little: nine octets of ten are there to be read. Of n octets, n/10 (rounded up) are changed, all others
    stay; tags are not counted. One key is for one title; --kid names one of a licence.

    \b
      ringcast title tenth song.mp3 weak.mp3 --key-file song.key --spare-headers
      ringcast title tenth weak.mp3 song.mp3 --key-file song.key --spare-headers --undo

    Exit status: 0 done; 1 it cannot be done, and a line says why: OUT is as it was then; 2 for options that mean
    nothing.
    """
    from headend.files import together
    from headend.titles.tenth import tenth as encrypt
    from headend.ts.io.targets import refuse_same_file

    _must_be_files(source, target)
    secret, _ = shared.one_key("title tenth", key, key_file, kid)
    refuse_same_file(source, target)
    with together() as files, progress_for(source, "encrypting") as progress:
        done = encrypt(source, files.open(target).write, secret, spare_headers, undo, progress)
    spared = f", {done.frames} headers spared" if spare_headers else ""
    typer.echo(f"{target}: {done.changed} of {done.counted} bytes {'decrypted' if undo else 'encrypted'}{spared}")


@licence.command("write")
def write_licence(
    target: Annotated[Path, typer.Argument(metavar="OUT.json", help="The licence's file (mode 0600). Secret.")],
    key: Key = None,
    key_file: KeyFile = None,
    kid: Kid = None,
    persistent: Annotated[bool, typer.Option("--persistent", help="One that a player may keep.")] = False,
) -> None:
    """Write a licence: a key and its id as Clear Key JSON, which players with EME take.

    \b
      ringcast title licence write song.json --key-file song.key --kid 0123456789abcdef0123456789abcdef

    Exit status: 0 done; 1 it cannot be done, and a line says why; 2 for options that mean nothing.
    """
    from headend.files import write_file
    from headend.titles.licence import PERSISTENT, TEMPORARY, Licence

    given = shared.given_keys("title licence write", key, key_file, kid)
    if given.alone is not None:
        raise typer.BadParameter("--kid is missing: a licence says which key it has")
    made = Licence(given.by_id, PERSISTENT if persistent else TEMPORARY)
    write_file(target, made.text() + b"\n", mode=0o600)
    typer.echo(f"{target}: {made.type}, {len(made.keys)} keys")


@licence.command("show")
def show_licence(source: Annotated[Path, typer.Argument(metavar="FILE", help="A licence.")]) -> None:
    """Show what keys a licence has, by their ids. No key is shown.

    \b
      ringcast title licence show song.json

    Exit status: 0; 1 where it is no licence, and a line says why.
    """
    from headend.titles.licence import LICENCE_LIMIT, read_licence

    with source.open("rb") as file:
        found = read_licence(file.read(LICENCE_LIMIT + 1))
    typer.echo("\n".join([found.type, *(f"key id {kid.hex()}" for kid in found.keys)]))


@licence.command("request")
def request_licence(
    source: In,
    persistent: Annotated[bool, typer.Option("--persistent", help="For a licence that a player may keep.")] = False,
) -> None:
    """Print the request for a licence (EME) that a player would send for this title: its key ids.

    \b
      ringcast title licence request song.mp4
      ringcast title licence request song.mp4 --persistent | curl -d @- http://127.0.0.1:8000/

    Exit status: 0; 1 where the title cannot be read, or is clear, and a line says why.
    """
    from headend.titles.info import read_info
    from headend.titles.licence import PERSISTENT, TEMPORARY, request_text

    _must_be_files(source)
    found = read_info(source)
    kids = list(dict.fromkeys(kid for track in found.tracks for kid in (track.kid, *track.key_ids) if kid))
    if not kids:
        raise LocalError(f"{source} is a clear title: it needs no licence")
    typer.echo(request_text([bytes.fromhex(kid) for kid in kids], PERSISTENT if persistent else TEMPORARY).decode())


@app.command()
def demo(
    runtime: Annotated[
        str,
        typer.Option(help="pico: an emulated Raspberry Pi Pico. unix: MicroPython here. cpython: no MicroPython."),
    ] = "pico",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write what was seen as JSON.")] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for the titles, what was heard, and the report.")] = Path(
        "title-out"
    ),
    seed: Annotated[int, typer.Option(help="The same seed gives the same run.")] = 1,
    scheme: Annotated[str, typer.Option("--scheme", metavar="cenc|cbcs", help="How the title is encrypted.")] = "cenc",
) -> None:
    """A title, end to end: a tune is packed, and heard on a terminal through its decoder chip; without the key silence.

    Writes OUT/song.mp4 (the title), OUT/song-clear.mp4, OUT/heard.wav (what a person would hear) and OUT/report.html
    with the waveforms of both, and says in one screen what happened.

    \b
    Try it:
      ringcast title demo
      ringcast title demo --runtime cpython --scheme cbcs --json seen.json

    \b
    Exit status:
      0  silence without the key; with it every sample as FFmpeg decodes the clear title, and no underrun
      1  it was otherwise, or the demo cannot be played; the line says why
      130, 143, 129  ended by Ctrl-C, SIGTERM, SIGHUP: there is no report
    """
    from testbed.commands.play import play_plan
    from testbed.systems.titles.demo import demo_plan

    play_plan(demo_plan(runtime, seed, scheme), runtime, out, json_file)
