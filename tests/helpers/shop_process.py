"""`ringcast shop serve`, `stream serve` and their like as processes of their own."""

import os
import select
import subprocess
import sys
from contextlib import contextmanager

STARTED_S = 60


class Running:
    """A command that serves: its URL, what it said, and its process."""

    def __init__(self, process):
        self.process, self.said, self.url = process, "", ""
        pipe = process.stdout.fileno()  # not by lines: what Python has read ahead, select does not see
        while " is at " not in self.said or not self.said.endswith("\n"):
            assert select.select([pipe], [], [], STARTED_S)[0], "it does not start"
            octets = os.read(pipe, 4096)
            assert octets, process.stderr.read()
            self.said += octets.decode()
        self.url = self.said.split()[-1]

    def end(self, number):
        """(exit status, what it logged)"""
        self.process.send_signal(number)
        _, log = self.process.communicate(timeout=STARTED_S)
        return self.process.returncode, log


@contextmanager
def running(*arguments, group="shop", port="--port"):
    command = [sys.executable, "-m", "testbed.cli", group, *map(str, arguments), port, "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield Running(process)
    finally:
        process.kill()
        process.communicate()
