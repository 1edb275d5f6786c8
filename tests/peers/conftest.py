"""Programs that nobody here wrote: found, or the test is skipped; under CI=true a missing one fails."""

import importlib
import os
import shutil
from types import ModuleType

import pytest

from tests.helpers import browser
from tests.helpers.postgresql import serving

INSTALL = {
    "chat": "ppp",
    "chromium": "chromium",
    "dosbox": "dosbox",
    "ffmpeg": "ffmpeg",
    "ffprobe": "ffmpeg",
    "firefox-esr": "firefox-esr",
    "gst-launch-1.0": "gstreamer1.0-tools gstreamer1.0-plugins-good gstreamer1.0-plugins-base",
    "gst-rtsp-server": "python3-gi gir1.2-gst-rtsp-server-1.0",
    "ip": "iproute2",
    "minicom": "minicom",
    "mount": "mount",
    "slirp-fullbolt": "slirp",
    "socat": "socat",
    "tshark": "tshark",
    "unshare": "util-linux",
    "wvdial": "wvdial",
}


def missing(what: str, remedy: str) -> None:
    """Skips the test, or fails it under CI=true."""
    message = f"{what} is not here; {remedy}"
    if os.environ.get("CI") == "true":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def need(program: str) -> str:
    """Path of a program. Skips the test where it is missing, fails it under CI=true."""
    found = shutil.which(program)
    if found is None:
        missing(program, f"as root: apt-get install {INSTALL.get(program, program)}")
    assert found is not None
    return found


def need_module(name: str, package: str | None = None) -> ModuleType:
    """A Python module of a peer. Skips the test where it is missing, fails it under CI=true."""
    try:
        return importlib.import_module(name)
    except ImportError:
        missing(f"Python module {name}", f"pip install {package or name}")
        raise


@pytest.fixture(name="need")
def need_fixture():
    """`need` for tests: `def test_x(need): ffprobe = need("ffprobe")`."""
    return need


@pytest.fixture(name="need_module")
def need_module_fixture():
    return need_module


# No longer than a module: where it is, asyncio's loop runs, and nothing else can start one.
@pytest.fixture(scope="module")
def chromium():
    """Debian's Chromium by Playwright: `page = chromium.new_page()`."""
    with browser.chromium(need("chromium"), need_module("playwright.sync_api", "playwright")) as made:
        yield made


@pytest.fixture(scope="session")
def shaka_player():
    """The script of Shaka Player."""
    _need_npm(browser.SHAKA_PLAYER)
    return browser.shaka_player()


@pytest.fixture(scope="module")
def server():
    """URL of a PostgreSQL server."""
    with serving() as url:
        yield url


@pytest.fixture(scope="session")
def axe():
    """The script of axe."""
    _need_npm(browser.AXE)
    return browser.axe().decode()


def _need_npm(package):
    where = browser.package_path(package)
    if not where.exists():
        name, _, version = package.rpartition("-")
        missing(f"npm package {name}", f"npm pack {name}@{version} --pack-destination {where.parent}")


def pytest_collection_modifyitems(items):
    """Every test of this folder is a peer's."""
    for item in items:
        if "peers" in item.path.parts:
            item.add_marker(pytest.mark.peer)
