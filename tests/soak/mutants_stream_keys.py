"""Named mutants of a stream's tokens and keys: what keeps a title from who did not pay, and a capture closed."""

from tests.soak.mutants import Mutant

ACCESS = "host/headend/media/access.py"
RTSP = "host/headend/media/rtsp.py"
SESSION = "host/headend/media/session.py"
PROTECTION = "host/headend/media/protection.py"
GUARD = "firmware/settop/media/guard.py"
CLIENT = "firmware/settop/media/rtsp_client.py"
TDES = "firmware/settop/media/srtp_tdes.py"
LIBRARY = "host/headend/stream/folder.py"
AT_THE_DOOR = ("tests/host/test_stream_access.py",)
ON_THE_WAY = ("tests/link/test_stream_keys.py",)
AT_HOME = ("tests/firmware/test_guard.py",)

MUTANTS = (
    Mutant("any proof of a viewer will do", ACCESS, "if not keys.proves_viewer(proof):", "if False:", AT_THE_DOOR),
    Mutant(
        "a suite may be taken that was not offered", ACCESS, "if suite not in self._suites:", "if False:", AT_THE_DOOR
    ),
    Mutant(
        "an offer serves any number of answers",
        RTSP,
        "offer, connection.offer = connection.offer, None",
        "offer = connection.offer",
        AT_THE_DOOR,
    ),
    Mutant("an offer's secret stays", ACCESS, "        wipe(self._scalar)", "        pass", AT_THE_DOOR),
    Mutant(
        "a connection goes on behind a refusal",
        RTSP,
        "fields, connection.over = CHALLENGE, True",
        "fields = CHALLENGE",
        AT_THE_DOOR,
    ),
    Mutant(
        "SETUP asks for no token",
        RTSP,
        "self._access.admit(head, title.name, now_ms)[1] if title.suites else None",
        "None",
        AT_THE_DOOR,
    ),
    Mutant(
        "a token's end ends nothing that has begun",
        ACCESS,
        "if self._epoch_ms + now_ms >= passed.expires_ms:",
        "if False:",
        AT_THE_DOOR,
    ),
    Mutant("sequence numbers begin anywhere", RTSP, '"big") & first', '"big")', AT_THE_DOOR),
    Mutant(
        "a user has as many sessions as he likes",
        RTSP,
        "if other.passed is not None and other.passed.user == session.passed.user:",
        "if False:",
        ON_THE_WAY,
    ),
    Mutant(
        "a session with keys answers to its whole host",
        RTSP,
        " or session.owner not in (None, connection)",
        "",
        ON_THE_WAY,
    ),
    Mutant(
        "keys stay when their connection has gone",
        RTSP,
        "if session is not None and connection in (session.line, session.owner):",
        "if session is not None and connection is session.line:",
        ON_THE_WAY,
    ),
    Mutant(
        "keys stay when their session ends", RTSP, "            session.guard.close()", "            pass", ON_THE_WAY
    ),
    Mutant(
        "a forged report keeps a session",
        RTSP,
        "                session.dropped += 1\n                return",
        "                session.dropped += 1",
        ON_THE_WAY,
    ),
    Mutant("reports may come from many sources", PROTECTION, "self._source not in (None, source)", "False", ON_THE_WAY),
    Mutant(
        "reports go out in the clear",
        SESSION,
        "self.guard.report(octets) if rtcp else self.guard.media(octets)",
        "octets if rtcp else self.guard.media(octets)",
        ON_THE_WAY,
    ),
    Mutant("any proof of a server will do", GUARD, " or not keys.proves_server(proof)", "", AT_HOME),
    Mutant("a viewer with a token takes the clear", GUARD, "if medium.protocol != SECURE:", "if False:", AT_HOME),
    Mutant("a viewer with a token is sent the clear", GUARD, "if not way.secure:", "if False:", AT_HOME),
    Mutant(
        "a token's secret stays with the viewer", GUARD, "            wipe(self._secret)", "            pass", AT_HOME
    ),
    Mutant(
        "keys stay with a viewer who has gone", CLIENT, "            self._guard.close()", "            pass", AT_HOME
    ),
    Mutant(
        "one key of Triple DES for all packets",
        TDES,
        "self._of_part(high << 16 - PART_BITS | low >> PART_BITS)",
        "self._of_part(0)",
        ("tests/host/test_srtp_tdes_judged.py",),
    ),
    Mutant(
        "what cannot be read of a title sends it in the clear",
        LIBRARY,
        "raise RemoteError(str(error)) from None",
        "self._known[name] = known = _Known(Title(name, TsSource(path)), {})",
        ("tests/host/test_stream_folder.py",),
    ),
)
