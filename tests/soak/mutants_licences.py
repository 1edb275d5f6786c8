"""Named mutants of the licence server: who gets a key, until when, and what is over."""

from tests.soak.mutants import Mutant

CORE, FILES = "host/headend/titles/licence_server.py", "host/headend/titles/session_files.py"
HTTP = "emulator/testbed/commands/_licence_http.py"
SERVER, SERVE = ("tests/host/test_licence_server.py",), ("tests/emulator/test_licence_serve.py",)

MUTANTS = (
    Mutant(
        "a session that was released is loaded",
        CORE,
        "        if found.released:\n            raise",
        "        if False:\n            raise",
        SERVER,
    ),
    Mutant(
        "a licence is good for the millisecond of its end",
        CORE,
        "now_ms >= self.end_ms",
        "now_ms > self.end_ms",
        SERVER,
    ),
    Mutant(
        "renewal leaves the old end in force",
        CORE,
        "number=found.number + 1, end_ms=self._end(now_ms)",
        "number=found.number + 1",
        SERVER,
    ),
    Mutant(
        "a session is renewed for who asks for a part of its keys",
        CORE,
        " or not set(found.kids) <= set(kids)",
        "",
        SERVER,
    ),
    Mutant(
        "a release of other keys ends a session",
        CORE,
        "if set(kids) != set(found.kids):",
        "if False:",
        SERVER,
    ),
    Mutant(
        "a release is acknowledged and not noted",
        CORE,
        "            self._sessions.keep(replace(found, released=True))\n",
        "            pass\n",
        SERVER,
    ),
    Mutant(
        "a session's id leads to any file",
        CORE,
        "self._sessions.find(name) if is_id(name) else None",
        "self._sessions.find(name)",
        SERVER,
    ),
    Mutant(
        "sessions can be read by all",
        FILES,
        "mode=0o600",
        "mode=0o644",
        SERVER,
    ),
    Mutant(
        "any page may ask for keys",
        HTTP,
        " and origin in self._origins",
        "",
        SERVE,
    ),
    Mutant(
        "a page that calls this computer by its own name gets keys",
        HTTP,
        'return host in {f"{name}:{self.server_port}" for name in (HERE, "localhost")} and',
        "return",
        SERVE,
    ),
)
