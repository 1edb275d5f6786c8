"""Named mutants of signatures and updates: what must never run, be believed or be lost."""

from tests.soak.mutants import Mutant

_ED = "firmware/settop/crypto/ed25519.py"
_SHA = "firmware/settop/crypto/sha512.py"
_PLAIN = "firmware/settop/crypto/kernels_plain.py"
_WIRE = "firmware/settop/wire/update.py"
_INTAKE = "firmware/settop/updates/intake.py"
_RECEPTION = "firmware/settop/updates/reception.py"
_MODULES = "firmware/settop/updates/modules.py"
_STATES = "firmware/settop/updates/states.py"
_SERVICE = "firmware/settop/services/updates/service.py"
_KEY = "host/headend/updates/signing_key.py"
_MODULE = "host/headend/updates/module.py"
_BY_ED = ("tests/firmware/test_ed25519.py",)
_BY_SHA = ("tests/firmware/test_sha512.py",)
_BY_WIRE = ("tests/firmware/test_update_wire.py",)
_BY_UPDATES = ("tests/firmware/test_updates.py",)
_BY_POWER = ("tests/firmware/test_updates_power.py",)
_BY_SERVICE = ("tests/firmware/test_updates_service.py",)
_BY_HOST = ("tests/host/test_updates_module.py",)

MUTANTS = (
    Mutant(
        "any signature will do", _ED, "_odd_multiples(_P - x, y))) != r:", "_odd_multiples(_P - x, y))) == b'':", _BY_ED
    ),
    Mutant("S may be L or more", _ED, "if s >= _L:", "if s >= _TOP:", _BY_ED),
    Mutant(
        "keys of small order verify",
        _ED,
        "if eightfold[0] == 0 and eightfold[1] == eightfold[2]:",
        "if False:",
        _BY_ED,
    ),
    Mutant("a key has two encodings", _ED, "    if y >= _P:\n        return None\n", "", _BY_ED),
    Mutant("a longer signature is cut to size", _ED, "if len(signature) != SIGNATURE_BYTES:", "if False:", _BY_ED),
    Mutant("the key is not hashed", _ED, "sha512(r, public_key, *parts)", "sha512(r, *parts)", _BY_ED),
    Mutant("a message's padding is one block short", _SHA, "if self._filled > BLOCK_BYTES - 16:", "if False:", _BY_SHA),
    Mutant("the schedule forgets a word", _PLAIN, "small0 + w[(t + 9) & 15] + small1", "small0 + small1", _BY_SHA),
    Mutant("a module is for any board", _WIRE, 'if head.board not in ("", board):', "if False:", _BY_WIRE),
    Mutant("a module is for any processor", _WIRE, "processor in (0, abi[1])", "True", _BY_WIRE),
    Mutant("integers may be larger than the board's", _WIRE, "and bits <= abi[2]", "", _BY_WIRE),
    Mutant("a board may be called anything", _WIRE, 'if not "!" <= char <= "~":', "if False:", _BY_WIRE),
    Mutant(
        "octets behind a module are passed over", _INTAKE, "        if not size:\n", "        if size < 0:\n", _BY_WIRE
    ),
    Mutant(
        "the label is not signed",
        _INTAKE,
        "return LABEL, memoryview(self._front)[:HEAD_BYTES]",
        'return b"", memoryview(self._front)[:HEAD_BYTES]',
        _BY_WIRE,
    ),
    Mutant(
        "unsigned modules are taken",
        _RECEPTION,
        "verify(signer(modules.board), signature, *signed)",
        "signer(modules.board)",
        _BY_UPDATES,
    ),
    Mutant("an older version is taken", _RECEPTION, "head.version <= newest or", "", _BY_UPDATES),
    Mutant(
        "the same version is taken", _RECEPTION, "head.version <= newest or", "head.version < newest or", _BY_UPDATES
    ),
    Mutant(
        "a name changes its codec",
        _RECEPTION,
        "or (head.kind, head.codec) != (record.kind, record.codec)",
        "",
        _BY_UPDATES,
    ),
    Mutant(
        "a module's digest is not compared when it came",
        _RECEPTION,
        "if not equal(self._digest.digest(), intake.head.digest):",
        "if False:",
        _BY_UPDATES,
    ),
    Mutant(
        "a module's digest is not compared before it runs",
        _MODULES,
        "return length == entry.length and equal(digest.digest(), entry.digest)",
        "return True",
        _BY_UPDATES,
    ),
    Mutant(
        "the new one is written over the old one",
        _RECEPTION,
        "self._entry = Entry(slot,",
        "self._entry = Entry(0,",
        _BY_UPDATES,
    ),
    Mutant(
        "what failed is tried again", _MODULES, "record.floor = max(record.floor, record.new.version)", "", _BY_UPDATES
    ),
    Mutant(
        "the floor falls",
        _MODULES,
        "        record.floor = record.new.version\n",
        "        record.floor = 0\n",
        _BY_UPDATES,
    ),
    Mutant(
        "what is forgotten may come again",
        _MODULES,
        "record.floor = max(record.floor, entry.version)",
        "pass",
        _BY_UPDATES,
    ),
    Mutant("tries are not counted", _MODULES, "record.tries += 1", "record.tries = 1", _BY_UPDATES),
    Mutant(
        "a record of updates is plain",
        _MODULES,
        "pack_record(record), True)",
        "pack_record(record), False)",
        _BY_UPDATES,
    ),
    Mutant("what waits stays beside a newer one", _MODULES, 'self.event(name, record, "newer")', "pass", _BY_POWER),
    Mutant(
        "what was written is not read back",
        _MODULES,
        "        if not self.whole(name, entry):\n            raise",
        "        if False:\n            raise",
        _BY_UPDATES,
    ),
    Mutant(
        "what comes up is not kept",
        _STATES,
        '    ("trying", "came_up", "_keep", "kept"),\n',
        "",
        _BY_UPDATES,
    ),
    Mutant("a service comes up when it starts", _SERVICE, "TRIAL_MS = 10000", "TRIAL_MS = 0", _BY_SERVICE),
    Mutant(
        "a service that stopped stays away",
        _SERVICE,
        "                self._give_back(name)\n",
        "                pass\n",
        _BY_SERVICE,
    ),
    Mutant(
        "a codec's own check is not asked", _SERVICE, "if check is not None and not check():", "if False:", _BY_SERVICE
    ),
    Mutant(
        "without an identity updates come",
        _SERVICE,
        "if self.terminal.identity() is None:",
        "if False:",
        _BY_SERVICE,
    ),
    Mutant("a key file that others read signs", _KEY, "& 0o077:", "& 0:", _BY_HOST),
    Mutant(
        "a key file is overwritten",
        "host/headend/files.py",
        "os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)",
        "os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)",
        _BY_HOST,
    ),
    Mutant(
        "an altered module is read",
        _MODULE,
        "if hashlib.sha256(module).digest() != head.digest:",
        "if False:",
        _BY_HOST,
    ),
)
