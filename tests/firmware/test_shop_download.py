# runtimes: cpython unix
"""Titles on their way into flash: resumed where they broke off, looked at, whole or not there at every power cut."""

import hashlib
import sys

from kit import raises
from settop.services.shop.download import WRONG, Download
from settop.titles.files import Titles
from settop.wire import shop as wire
from shop_rig import Bench, PowerCut, TitleFiles, content_of, right
from title_vectors import CENC
from titles_rig import OVER as TITLE_OVER
from titles_rig import samples, words

# CPython takes every step; the unix port a thinned-out sweep.
STRIDE = 1 if sys.implementation.name == "cpython" else 41
SERVICE_STRIDE = 211
LARGE = CENC + bytes(5000)


def buyer(content=CENC):
    """A terminal that has bought title 1."""
    bench = Bench()
    bench.shop.content = content
    bench.shop.says[wire.BUY] = lambda title, price: right(title)
    bench.shop.says[wire.CONTENT] = lambda title: content_of(content)
    bench.go("shop buy 1")
    return bench


def whole(bench):
    """The title's path, which must have all of it."""
    (path,) = bench.files.files
    assert path.endswith(".mp4") and bench.files.files[path] == bench.shop.content
    return path


def test_a_title_is_downloaded_and_plays():
    bench = buyer()
    said = bench.go("shop download 1")
    path = whole(bench)
    assert said == [
        "shop_downloading title=1 octets=%d from=0" % len(CENC),
        "shop_downloaded title=1 octets=%d path=%s" % (len(CENC), path),
    ]
    said = bench.ask("shop play 1", *TITLE_OVER)
    assert words(said)[-1] == "title_ended" and len(samples(bench)) > 1000
    ranges = len(bench.shop.ranges)
    assert words(bench.go("shop download 1"))[-1] == "shop_downloaded"
    assert len(bench.shop.ranges) == ranges, "it is here already"


def test_it_may_be_played_as_soon_as_it_is_said_to_be_here():
    bench = buyer()
    bench.ask("shop download 1", "shop_downloaded")
    assert bench.service.errand is None and not bench.app.services.busy()


def test_what_breaks_off_goes_on_by_range():
    bench = buyer(LARGE)
    bench.shop.breaks = [1500, 2000]
    bench.go("shop download 1")
    whole(bench)
    assert bench.shop.ranges == [0, 1500, 3500]


def test_what_was_given_up_goes_on_where_it_was_also_behind_another_start():
    bench = buyer(LARGE)
    bench.shop.breaks = [1500] + [0] * 30
    assert words(bench.go("shop download 1"))[-1] == "shop_failed"
    bench.shop.breaks = []
    bench.again()
    said = bench.go("shop download 1")
    assert said[0] == "shop_downloading title=1 octets=%d from=1500" % len(LARGE)
    assert bench.shop.ranges[-1] == 1500
    whole(bench)


def test_a_copy_that_is_another_by_now_begins_anew_and_the_old_one_goes():
    bench = buyer(LARGE)
    bench.shop.breaks = [1500] + [0] * 30
    bench.go("shop download 1")
    bench.files.files["titles/11-00000000.mp4"] = b"another title"
    bench.shop.breaks = []
    bench.shop.content = bytes(reversed(LARGE))
    bench.shop.says[wire.CONTENT] = lambda title: content_of(bench.shop.content)
    said = bench.go("shop download 1")
    assert said[0] == "shop_downloading title=1 octets=%d from=0" % len(LARGE)
    del bench.files.files["titles/11-00000000.mp4"]
    whole(bench)


def test_what_is_not_what_was_bought_is_told_and_goes():
    bench = buyer()
    bench.shop.content = CENC[:-1] + b"\xff"
    assert bench.go("shop download 1")[-1] == "shop_failed " + WRONG
    assert bench.files.files == {}
    bench.shop.content = CENC + b"\0"
    (_, said) = bench.go("shop download 1")
    assert said.startswith("shop_failed ") and not any([path.endswith(".mp4") for path in bench.files.files])


def test_a_flash_without_room_is_said_before_anything_comes_and_one_that_fills_up_meanwhile_too():
    bench = buyer()
    bench.files.room = 16384 + len(CENC) - 1
    (said,) = bench.go("shop download 1")
    assert said == "shop_failed the flash has room for %d octets more, and the title takes %d" % (
        len(CENC) - 1,
        len(CENC),
    )
    assert bench.shop.ranges == []
    bench.files.free = lambda folder: 1 << 30
    real = bench.files.append

    def fills_up(path):
        file = real(path)
        write = file.write
        file.write = lambda view: write(view[: max(0, 700 - len(bench.files.files[path]))])
        return file

    bench.files.append = fills_up
    said = bench.go("shop download 1")
    assert said[-1].startswith("shop_failed the flash refused")
    bench.files.append = real
    assert bench.go("shop download 1")[0].endswith("from=700")
    whole(bench)


def test_it_can_be_given_up_and_nobody_else_is_kept_from_the_network():
    bench = buyer(LARGE)
    bench.shop.breaks = [1500] + [0] * 30
    bench.board.console.lines.append("shop download 1")
    for _ in range(200):
        if bench.service.errand is not None and bench.service.errand.state == "downloading":
            break
        bench.turn(1)
    assert "shop_failed given up" in bench.say("shop cancel")
    bench.turn(10)
    assert bench.board.network.said[-1] == "down"


class Coming:
    """As much of a Fetch as a download needs: all comes, in pieces of 300 octets."""

    def __init__(self, content):
        self.content = content
        self.state = "idle"
        self.failure = ""
        self.total = None

    def get(self, url, sink, now_ms, limit, longest_ms, start):
        assert limit == len(self.content)
        self.state = "reading"
        self.got, self.sink = start, sink
        self.total = len(self.content)

    def step(self, now_ms):
        piece = self.content[self.got : self.got + 300]
        self.got += self.sink(piece, self.got) if piece else 0
        if self.got == len(self.content):
            self.state = "done"

    def give_up(self):
        self.state = "idle"


def come(files, content):
    """A download to its end; the title's path."""
    titles = Titles(files, "titles/")
    digest = hashlib.sha256(content).digest()
    coming = Download(Coming(content), titles, 1, len(content), digest, "", 0)
    while coming.state != "done":
        coming.step(0)
    assert titles.path_of(1) == coming.path
    return coming.path


def test_a_power_cut_at_every_step_leaves_a_part_that_goes_on_or_the_whole():
    content = CENC[:1100]
    cuts = 0
    while True:
        files = TitleFiles()
        files.files["titles/1-00000000.mp4"] = b"an older copy"
        files.power.left = cuts * STRIDE
        try:
            path = come(files, content)
        except PowerCut:
            path = None
        for name in files.files:
            assert files.files[name] in (content, b"an older copy") or content.startswith(files.files[name])
        if path is not None:
            break
        cuts += 1
        files.power.left = -1
        path = come(files, content)
        assert list(files.files) == [path] and files.files[path] == content
    assert cuts > len(content) // STRIDE
    print("%d power cuts" % cuts)


def test_the_whole_service_goes_on_behind_a_power_cut():
    content = CENC[:900]
    cut = 0
    cuts = 0
    while True:
        bench = buyer(content)
        bench.files.power.left = cut
        try:
            said = bench.go("shop download 1")
        except PowerCut:
            said = None
        for path in bench.files.files:
            if path.endswith(".mp4"):
                assert bench.files.files[path] == content
            else:
                assert content.startswith(bench.files.files[path])
        if said is not None:
            assert words(said)[-1] == "shop_downloaded"
            break
        cuts += 1
        bench.again()
        assert words(bench.go("shop download 1"))[-1] == "shop_downloaded"
        whole(bench)
        cut += SERVICE_STRIDE
    assert cuts > 900 // SERVICE_STRIDE
    print("%d power cuts" % cuts)


def test_a_part_that_a_power_cut_has_spoilt_is_noticed_and_comes_anew():
    bench = buyer(LARGE)
    bench.shop.breaks = [1500] + [0] * 30
    bench.go("shop download 1")
    (part,) = bench.files.files
    bench.files.files[part] = bench.files.files[part][:1000] + b"\xff" * 500
    bench.shop.breaks = []
    assert bench.go("shop download 1")[-1] == "shop_failed " + WRONG
    assert words(bench.go("shop download 1"))[-1] == "shop_downloaded"
    whole(bench)


def test_files_on_a_real_file_system():
    import os

    from settop.titles import files as real

    files = real.TitleFiles()
    folder = "of-a-test-of-titles"
    titles = Titles(files, folder + "/")
    path = folder + "/3-00112233.part"
    try:
        assert titles.path_of(3) is None and files.size(path) is None
        for octets in (b"abc", b"defg"):
            with files.append(path) as file:
                file.write(octets)
                files.sync(file)
        assert files.size(path) == 7
        files.rename(path, folder + "/3-00112233.mp4")
        assert titles.path_of(3) == folder + "/3-00112233.mp4" and titles.path_of(33) is None
        with files.read(titles.path_of(3)) as file:
            assert file.read() == b"abcdefg"
        free = files.free(folder)
        assert free is None or free > 0
        titles.others_go(3, "3-ffffffff")
        assert files.names(folder) == []
        with raises(OSError):
            files.remove(path)
    finally:
        for name in files.names(folder):
            os.remove(folder + "/" + name)
        if hasattr(os, "rmdir"):
            os.rmdir(folder)
