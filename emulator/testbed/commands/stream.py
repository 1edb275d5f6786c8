"""`ringcast stream`: titles that are sold for a time, the tokens that open them, and a viewer."""

import typer

from testbed.commands import _stream_play, _stream_serve, _stream_title, _stream_token

app = typer.Typer(
    help="Streams: titles that are sold for a time, the tokens that open them, and a viewer.\n\n"
    "docs/stream.md explains the commands.",
    no_args_is_help=True,
    add_completion=False,
)
title = typer.Typer(help="What is streamed.", no_args_is_help=True, add_completion=False)
token = typer.Typer(help="What viewers show.", no_args_is_help=True, add_completion=False)
app.command("play")(_stream_play.play)
app.add_typer(title, name="title")
app.add_typer(token, name="token")
app.command("serve")(_stream_serve.serve)
title.command("add")(_stream_title.add)
title.command("list")(_stream_title.list_)
title.command("end")(_stream_title.end)
token.command("new")(_stream_token.new)
token.command("show")(_stream_token.show)
