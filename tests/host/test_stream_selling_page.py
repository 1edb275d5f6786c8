"""docs/stream.md against the code: its options file, and what its commands say."""

import dataclasses
import re
from pathlib import Path

from headend.stream.title_options import TimeLimit, load_options
from settop.wire.stream import AES_CM_SHA1_80, AES_GCM_128
from testbed.streaming.faces import Seen

from tests.helpers.commands import ringcast

PAGE = (Path(__file__).parents[2] / "docs/stream.md").read_text(encoding="utf-8")


def test_the_options_file_of_the_page_is_taken(tmp_path):
    for name in ("metropolis.ts", "metropolis-low.ts"):
        (tmp_path / name).write_bytes(b"G" * 188)
    (tmp_path / "metropolis.toml").write_text(re.findall("```toml\n(.*?)```", PAGE, re.DOTALL)[0])
    found = load_options(tmp_path / "metropolis.ts")
    assert found.limits == (TimeLimit("An evening", 6, 30), TimeLimit("A week", 168, 80))
    assert found.suites == (AES_GCM_128, AES_CM_SHA1_80)
    assert (found.name, found.lighter) == ("Metropolis", tmp_path / "metropolis-low.ts")


def test_the_first_command_of_the_page_sells_what_it_says(tmp_path):
    (tmp_path / "metropolis.ts").write_bytes(b"G" * 188)
    limits = re.findall('--limit "(.+?)"', PAGE.split("title add")[1].split("\n")[0])
    arguments = [part for one in limits for part in ("--limit", one)]
    ended = ringcast("stream", "title", "add", tmp_path / "metropolis.ts", *arguments, "--db", tmp_path / "shop.db")
    assert ended.out.strip() == (
        "stream 1: rtsp://127.0.0.1:554/metropolis, An evening, 6 h, 30 units; A week, 168 h, 80 units"
    )
    assert "for 6 hours at 30 units and for 168 hours at 80" in PAGE and "rtsp://127.0.0.1:554/metropolis" in PAGE


def test_the_page_explains_every_name_of_what_play_says_in_json():
    table = PAGE.split("## Play")[1].split("## What")[0]
    rows = re.findall(r"^\| (`.+?) \|", table, re.MULTILINE)
    assert re.findall("`(.+?)`", " ".join(rows)) == [field.name for field in dataclasses.fields(Seen)]
