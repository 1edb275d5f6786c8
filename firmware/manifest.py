"""Freezes settop and main.py into a MicroPython image; boards/NAME/manifest.py include it.

main=False leaves main.py to the file system. A frozen one runs whatever is there.
"""

import os

# ruff: noqa: F821 (the names are those of MicroPython's manifests)

options.defaults(main=True)

# In sorted order: MicroPython's own search takes the file system's, and the same sources would give several images.
names = []
for folder, _, files in os.walk("settop"):
    names += [os.path.relpath(os.path.join(folder, name), "settop") for name in files if name.endswith(".py")]
package("settop", files=sorted(names))
if options.main:
    module("main.py")
