"""Browsers that nobody here wrote, without a window: Debian's Chromium, which Playwright drives, and Debian's Firefox.

`tests/peers/conftest.py` has both as fixtures, and Shaka Player.
"""

import hashlib
import json
import os
import signal
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from testbed.cache import cache_dir

SHAKA_PLAYER = "shaka-player-5.2.12"
_SHAKA_SHA256 = "0c09816ea0b1399434bb6423b6a955f22e75b1886e4d394934ec73b9b38e3018"
_SHAKA_SCRIPT = "package/dist/shaka-player.compiled.js"
AXE = "axe-core-4.10.3"
_AXE_SHA256 = "0f2b4d7dcdf7d1219df8d1959ad68e565f51d14c3f0d88bb71cd59abeb956292"
_AXE_SCRIPT = "package/axe.min.js"
# As root it has no sandbox, and no page here is anybody else's.
_CHROMIUM = ("--no-sandbox", "--autoplay-policy=no-user-gesture-required")
_FIREFOX = {
    "app.update.disabledForTesting": True,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "media.autoplay.default": 0,
    "media.clearkey.persistent-license.enabled": True,
    "media.eme.enabled": True,
    "media.gmp-manager.updateEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "toolkit.telemetry.enabled": False,
}
_ENDS_S = 20


@contextmanager
def chromium(program: str, playwright: ModuleType) -> Iterator[Any]:
    """A browser, as Playwright has it: `browser.new_page()`. playwright: the module playwright.sync_api."""
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=list(_CHROMIUM))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def firefox(program: str, profile: Path, url: str) -> Iterator[None]:
    """One that shows a page, which has to say itself what happens there (`tests.helpers.page_server`). A profile that
    was used before is as it was left.
    """
    profile.mkdir(exist_ok=True)
    lines = [f'user_pref("{name}", {json.dumps(value)});' for name, value in _FIREFOX.items()]
    (profile / "user.js").write_text("\n".join(lines), encoding="ascii")
    command = [program, "--headless", "--no-remote", "--profile", str(profile), url]
    with (profile / "said").open("wb") as said:
        runs = subprocess.Popen(
            command, stdout=said, stderr=said, env={**os.environ, "HOME": str(profile)}, start_new_session=True
        )
        try:
            yield
        finally:
            runs.terminate()
            try:
                runs.wait(_ENDS_S)
            except subprocess.TimeoutExpired:
                os.killpg(runs.pid, signal.SIGKILL)
                runs.wait()


def package_path(name: str) -> Path:
    """Where an npm package belongs, such as SHAKA_PLAYER."""
    return cache_dir() / "peers" / f"{name}.tgz"


def shaka_player() -> bytes:
    """Its script, from the npm package. Raises FileNotFoundError, AssertionError where it is another package."""
    return _script(SHAKA_PLAYER, _SHAKA_SHA256, _SHAKA_SCRIPT)


def axe() -> bytes:
    """The script that looks for what keeps people from using a page. Raises as `shaka_player`."""
    return _script(AXE, _AXE_SHA256, _AXE_SCRIPT)


def _script(name: str, sha256: str, path: str) -> bytes:
    where = package_path(name)
    assert hashlib.sha256(where.read_bytes()).hexdigest() == sha256, f"{where} is not what it should be: remove it"
    with tarfile.open(where) as package:
        script = package.extractfile(path)
        assert script is not None
        return script.read()
