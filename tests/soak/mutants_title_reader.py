"""Named mutants of settop.titles: what opens a title on the terminal, and what keeps a damaged one from being heard."""

from tests.soak.mutants import Mutant

ROOM = "firmware/settop/titles"
READER = ("tests/firmware/test_title_reader.py",)
DAMAGE = ("tests/firmware/test_title_damage.py",)
PORTIONS = ("tests/firmware/test_title_portions.py",)
GROUPS = ("tests/firmware/test_title_groups.py",)
TABLES = ("tests/firmware/test_title_tables.py",)
EXTRAS = ("tests/firmware/test_title_extras.py",)
LINK = ("tests/link/test_titles_on_terminal.py",)

TENTH = ("tests/firmware/test_title_tenth.py",)

MUTANTS = (
    Mutant(
        "shifts are used again where new ones are wanted",
        f"{ROOM}/tenth.py",
        "            self._block += 1\n",
        "            self._block += 0\n",
        TENTH,
    ),
    Mutant(
        "which octet is the tenth is counted anew in each frame",
        f"{ROOM}/tenth_kernels_plain.py",
        "    place[0] = at - end\n",
        "    place[0] = 0\n",
        TENTH,
    ),
    Mutant(
        "what no frame begins with is put out",
        f"{ROOM}/tenth.py",
        "        if not size:\n            self._have = 0\n",
        "        if not size:\n            self._ready = self._have\n            self.flush()\n",
        TENTH,
    ),
    Mutant(
        "a pattern's blocks are chained to what was clear between them",
        f"{ROOM}/kernels_plain.py",
        "        hidden = after\n",
        "        hidden = bytes(buffer[at : at + 16])\n",
        PORTIONS,
    ),
    Mutant(
        "a terminal's chain of blocks goes on from sample to sample",
        f"{ROOM}/portions.py",
        "        self._fresh = 0x10000\n",
        "        pass\n",
        READER,
    ),
    Mutant(
        "a terminal's counter stands still from portion to portion",
        f"{ROOM}/portions.py",
        "blocks | end >> 4 << 16",
        "blocks",
        PORTIONS,
    ),
    Mutant(
        "the rest of a key stream's block is passed over",
        f"{ROOM}/portions.py",
        "self.phase = end & 15",
        "self.phase = 0",
        PORTIONS,
    ),
    Mutant(
        "a pattern begins anew in each portion",
        f"{ROOM}/portions.py",
        "self._block = (self._block + blocks) % (self._crypt + self._skip)",
        "self._block = 0",
        PORTIONS,
    ),
    Mutant(
        "a chain goes on as if nothing had been in the portion before",
        f"{ROOM}/kernels_plain.py",
        "    chain[16:32] = hidden[count:]\n",
        "",
        PORTIONS,
    ),
    Mutant(
        "what AES made stays there when a title is over",
        f"{ROOM}/portions.py",
        "            wipe(self._made)\n",
        "            pass\n",
        PORTIONS,
    ),
    Mutant(
        "a title's key stays where it was handed over",
        f"{ROOM}/samples.py",
        "                    wipe(key)\n",
        "                    pass\n",
        READER,
    ),
    Mutant(
        "a title that was refused goes on",
        f"{ROOM}/reader.py",
        "            self._why = str(error)\n",
        "            pass\n",
        DAMAGE,
    ),
    Mutant(
        "a title may end anywhere",
        f"{ROOM}/reader.py",
        "(self._boxes.whole() and self._samples.all_came())",
        "True",
        DAMAGE,
    ),
    Mutant(
        "a box reaches out of what holds it",
        f"{ROOM}/boxes.py",
        " or (holder is not None and self.end > holder)",
        "",
        DAMAGE,
    ),
    Mutant(
        "a sample beyond its media is begun",
        f"{ROOM}/samples.py",
        "            if wanted < limit:\n",
        "            if False:\n",
        DAMAGE,
    ),
    Mutant(
        "a run is begun though the last of it is not there",
        f"{ROOM}/samples.py",
        "            length = self._run_bytes\n",
        "            length = fragment.sizes[self._next]\n",
        DAMAGE,
    ),
    Mutant(
        "a fragment becomes another track's on the way, and goes unchecked",
        f"{ROOM}/fragment.py",
        "            if self._track is not None:\n                raise",
        "            if False:\n                raise",
        DAMAGE,
    ),
    Mutant(
        "samples may lie over each other",
        f"{ROOM}/samples.py",
        "        if wanted < place:\n",
        "        if False:\n",
        DAMAGE,
    ),
    Mutant(
        "a sample is opened by the map of another",
        f"{ROOM}/samples.py",
        "        if total != size:\n",
        "        if False:\n",
        LINK,
    ),
    Mutant(
        "a portion that waits for room is lost at the end of its media",
        f"{ROOM}/samples.py",
        "        self._parts = 0  # ranges of its map that are still to come\n\n    def all_came",
        "        self._parts = 0\n        self._out = self._ready\n\n    def all_came",
        READER,
    ),
    Mutant(
        "IVs of another size than the header says are taken",
        f"{ROOM}/fragment.py",
        "            if at == self.have:\n",
        "            if True:\n",
        LINK,
    ),
    Mutant(
        "keys that change go unnoticed",
        f"{ROOM}/fragment.py",
        "self._groups.lock_of(sample, self._own) if self._grouped else self._own",
        "self._own",
        GROUPS,
    ),
    Mutant(
        "a sample keeps the key of the one before",
        f"{ROOM}/samples.py",
        "            if kid != self._kid:\n",
        "            if not self._kid:\n",
        GROUPS,
    ),
    Mutant(
        "samples behind the last group have its key",
        f"{ROOM}/groups.py",
        "            sample -= self._counts[span]\n        return own",
        "            sample -= self._counts[span]\n        return self._defined(self._numbers[self.spans - 1], own)",
        GROUPS,
    ),
    Mutant(
        "a fragment goes by the groups of the one before",
        f"{ROOM}/fragment.py",
        "            self._groups.begin_fragment()\n",
        "            pass\n",
        GROUPS,
    ),
    Mutant(
        "a clear description is opened with the key of the encrypted one",
        f"{ROOM}/fragment.py",
        "locks[self._description - 1] if",
        "locks[0] if",
        GROUPS,
    ),
    Mutant(
        "a key is asked for that nothing needs",
        f"{ROOM}/samples.py",
        '        self._kid = b""  # whose key the portions have\n',
        '        self._kid = b""\n        keys(bytes(16))\n',
        GROUPS,
    ),
    Mutant(
        "tables of different samples are played as far as they go",
        f"{ROOM}/tables.py",
        "        if sum(counts) != fragment.count or len(counts) != len(self._chunks):\n",
        "        if False:\n",
        TABLES,
    ),
    Mutant(
        "a track's samples are given to the codec of another",
        f"{ROOM}/header.py",
        "        if self.takes():\n            raise",
        "        if False:\n            raise",
        TABLES,
    ),
    Mutant(
        "the octets behind a metadata box's version are lost",
        f"{ROOM}/extras.py",
        "        boxes.unread = 8 if",
        "        boxes.unread = 0 if",
        EXTRAS,
    ),
    Mutant(
        "the last purchaser's number counts",
        f"{ROOM}/extras.py",
        "            if self.purchaser is not None:\n",
        "            if False:\n",
        EXTRAS,
    ),
    Mutant(
        "somebody else's number is the purchaser's",
        f"{ROOM}/extras.py",
        "min(self._length, FIELDS_BYTES) if self._mine else 0",
        "min(self._length, FIELDS_BYTES)",
        EXTRAS,
    ),
    Mutant(
        "a text is cut within a character",
        f"{ROOM}/extras.py",
        "        if name in self.cut:\n",
        "        if False:\n",
        EXTRAS,
    ),
    Mutant(
        "a title that says clear and encrypted is heard as noise",
        f"{ROOM}/header.py",
        "        if self._told and not self._encrypted:\n",
        "        if False:\n",
        DAMAGE,
    ),
    Mutant(
        "a sample of several ADPCM blocks is decoded as one",
        "firmware/settop/codec/adpcm.py",
        "self._left = min(self._block, self._more)",
        "self._left = self._more",
        ("tests/firmware/test_codec_adpcm.py",),
    ),
)
