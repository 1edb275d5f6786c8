# runtimes: cpython unix
"""The service `titles` on a board of the tests' own: what it plays, what it says, what it refuses."""

import sys

from kit import Skip
from settop.keystore.identity import Identity, pack_identity
from settop.services.provision import keep
from settop.services.titles import states
from settop.services.titles.service import FADE_MS, STUCK_MS, TitleService
from settop.wire.licence import BLOB_BYTES
from settop.wire.provision import pack_content
from title_vectors import CLEAR, KEY, KID
from titles_rig import OVER, Bench, licence_for, samples, slow, words

DARK = "title_dark there is no key %s on this terminal" % KID.hex()


def test_every_row_of_the_table_has_its_action_and_its_states():
    known = {row[0] for row in states.TABLE}
    for state, _, action, after in states.TABLE:
        assert after in known and (not action or hasattr(TitleService, action)), (state, action)


def test_a_clear_title_plays_on_a_terminal_without_identity_or_keystore():
    bench = Bench(identity=False)
    said = bench.ask("play clear", *OVER)
    assert words(said) == ["title_playing", "title_ended"] and said[1] == "title_ended samples=7 damaged=0"
    assert "ms=0 codec=mp4a.40.2 rate=16000 scheme=none kid=none" in said[0]
    assert samples(bench)[:2] == b"\xff\xf1" and len(samples(bench)) > 1000
    assert bench.service.state == "idle" and bench.service.busy == ""


def test_an_encrypted_title_is_dark_without_its_key_and_nothing_goes_to_the_chip():
    for title in ("cenc", "cbcs"):
        bench = Bench()
        assert bench.ask("play " + title, *OVER) == [DARK]
        assert not bench.board.chip.data and bench.service.state == "idle"


def test_a_licence_opens_it_now_and_after_a_restart():
    clear = Bench()
    clear.ask("play clear", *OVER)
    bench = Bench()
    assert bench.ask(licence_for(), "licensed", "error") == ["licensed kid=" + KID.hex()]
    for title in ("cenc", "cbcs"):
        bench.board.chip.data = bytearray()
        assert words(bench.ask("play " + title, *OVER)) == ["title_playing", "title_ended"]
        assert samples(bench) == samples(clear)
    again = Bench()
    again.board.FILES, again.board.locks = bench.board.FILES, bench.board.locks
    again.board.counted = bench.board.counted
    again.app = None
    from app_rig import start

    again.app = start(again.board)
    assert words(again.ask("play cenc", *OVER))[-2:] == ["title_playing", "title_ended"]


def test_the_key_is_nowhere_in_clear_not_in_a_line_and_not_in_the_keystore():
    bench = Bench()
    line = licence_for()
    assert KEY.hex() not in line
    bench.ask(line, "licensed")
    bench.ask("play cenc", *OVER)
    for text in bench.board.console.said:
        assert KEY.hex() not in text
    for path, data in bench.board.FILES.files.items():
        assert KEY not in data and KID not in data, path
        assert KEY.hex() not in path


def test_a_licence_of_another_terminal_or_another_key_or_changed_by_a_bit_is_refused():
    bench = Bench()
    good = licence_for()
    wrong = [licence_for(terminal_id=b"somebody"), licence_for(device_key=bytes(32))]
    for at in (8, 40, len(good) - 1):
        wrong.append(good[:at] + ("1" if good[at] == "0" else "0") + good[at + 1 :])
    for line in wrong:
        assert bench.ask(line, "licensed", "error") == [
            "error this licence is for another terminal, or was altered on its way"
        ]
    for line in ("licence", "licence zz", good[:-2], good + "00"):
        (said,) = bench.ask(line, "licensed", "error")
        assert "%d hex digits" % (2 * BLOB_BYTES) in said or said.startswith("error play takes"), said
    assert bench.ask("play cenc", *OVER) == [DARK]


def test_a_terminal_without_identity_takes_no_licence():
    (said,) = Bench(identity=False).ask(licence_for(), "licensed", "error")
    assert "ringcast provision" in said


def test_a_key_id_that_only_begins_like_another_in_the_keystore_opens_nothing():
    bench = Bench()
    bench.ask(licence_for(), "licensed")
    records = bench.app.records("titles")
    (name,) = records.names()
    data = records.load(name)
    data[1] ^= 1
    records.store(name, data)
    assert bench.ask("play cenc", *OVER) == [DARK]


def test_a_licence_for_the_same_key_id_takes_the_place_of_the_first():
    bench = Bench()
    for key in (bytes(16), KEY):
        assert words(bench.ask(licence_for(key=key), "licensed", "error")) == ["licensed"]
    assert len(bench.app.records("titles").names()) == 1
    assert words(bench.ask("play cenc", *OVER)) == ["title_playing", "title_ended"]


def test_a_licence_that_is_forgotten_opens_nothing_and_can_come_again():
    bench = Bench()
    bench.ask(licence_for(), "licensed")
    bench.ask(licence_for(kid=bytes(16)), "licensed")
    assert bench.ask("licence forget " + KID.hex(), "forgotten", "error") == ["forgotten kid=" + KID.hex()]
    assert bench.ask("play cenc", *OVER) == [DARK]
    assert len(bench.app.records("titles").names()) == 1
    (said,) = bench.ask("licence forget " + KID.hex(), "forgotten", "error")
    assert said == "error there is no licence for key id " + KID.hex()
    bench.ask(licence_for(), "licensed")
    assert words(bench.ask("play cenc", *OVER)) == ["title_playing", "title_ended"]


def test_a_title_that_plays_goes_on_when_its_licence_is_forgotten():
    bench = Bench()
    bench.ask(licence_for(), "licensed")
    more = slow(bench)
    bench.board.console.lines.append("play cenc")
    assert words(more(20)) == ["title_playing"]
    bench.board.console.lines.append("licence forget " + KID.hex())
    assert words(more(2000)) == ["forgotten", "title_ended"]
    assert bench.ask("play cenc", *OVER) == [DARK]


def test_a_damaged_licence_can_be_forgotten():
    bench = Bench()
    bench.ask(licence_for(), "licensed")
    for path, data in bench.board.FILES.files.items():
        if "titles-" in path:
            bench.board.FILES.files[path] = bytes(len(data))
    assert bench.ask("licence forget " + KID.hex(), "forgotten", "error") == ["forgotten kid=" + KID.hex()]
    assert not bench.app.records("titles").names()


def test_what_is_no_key_id_is_not_forgotten():
    bench = Bench()
    bench.ask(licence_for(), "licensed")
    for line in ("licence forget", "licence forget zz", "licence forget " + KID.hex()[:-2], "licence forget a b"):
        (said,) = bench.ask(line, "forgotten", "error")
        assert said.startswith("error a key id has 32") or said.startswith("error play takes"), said
    # Another id, which only begins like it in the keystore.
    records = bench.app.records("titles")
    (name,) = records.names()
    data = records.load(name)
    data[1] ^= 1
    records.store(name, data)
    (said,) = bench.ask("licence forget " + KID.hex(), "forgotten", "error")
    assert said.startswith("error there is no licence") and records.names() == [name]


def test_pause_holds_the_title_and_resume_goes_on():
    bench = Bench()
    more = slow(bench)
    bench.board.console.lines.append("play clear")
    assert words(more(20)) == ["title_playing"]
    bench.board.console.lines.append("pause")
    assert more(2) == ["title_paused"]
    count = len(bench.board.chip.data)
    assert more(400) == [] and len(bench.board.chip.data) == count, "nothing goes on, however long it takes"
    assert bench.service.status() == "title=paused" and bench.service.busy
    bench.board.console.lines.append("resume")
    assert words(more(2000)) == ["title_resumed", "title_ended"]
    whole = Bench()
    whole.ask("play clear", *OVER)
    assert samples(bench) == samples(whole)


def test_stop_silences_the_chip_at_once_and_another_title_may_follow():
    bench = Bench()
    more = slow(bench)
    bench.board.console.lines.append("play clear")
    more(20)
    bench.board.console.lines.append("stop")
    assert more(2) == ["title_stopped"] and ("write", 0, 0x4808) in bench.board.chip.log
    assert more(400) == [] and bench.service.state == "idle"
    bench.board.chip.room = None
    assert words(bench.ask("play clear", *OVER)) == ["title_playing", "title_ended"]


def test_another_title_may_be_wanted_while_the_chip_is_not_yet_done_with_the_first():
    bench = Bench()
    more = slow(bench)
    bench.board.console.lines.append("play clear")
    more(20)
    bench.board.console.lines += ["stop", "play clear"]
    said = more(3)
    assert words(said) == ["title_stopped"] and bench.service.state == "waking"
    assert words(more(3000)) == ["title_playing", "title_ended"]


def test_a_viewer_may_think_better_of_it_while_the_chip_starts():
    bench = Bench()
    bench.board.chip.busy = True
    bench.board.console.lines += ["play clear", "stop"]
    assert words(bench.turn(4)) == ["title_stopped"] and bench.service.state == "idle"
    bench.board.chip.busy = False
    assert words(bench.ask("play clear", *OVER)) == ["title_playing", "title_ended"]


def test_a_terminal_that_does_not_name_the_service_loads_nothing_of_it():
    Bench()  # everything is there now
    kept = {}
    for name in list(sys.modules):
        for room in ("settop.titles", "settop.codec", "settop.services.titles"):
            if name.startswith(room):
                kept[name] = sys.modules.pop(name)
    assert len(kept) > 10
    try:
        bench = Bench(())
        assert "unknown command" in bench.ask("play clear", "error")[0]
        for name in kept:
            assert name not in sys.modules, name
    finally:
        sys.modules.update(kept)


def test_licences_stay_when_the_terminal_gets_another_identity():
    bench = Bench()
    bench.ask(licence_for(), "licensed")
    identity = pack_identity(Identity(b"somebody", bytes(32)))
    content = pack_content(bytes(32), identity, [("call", "number", b"5550100")])
    assert keep(bench.app.keystore, bench.app.random, content) == ""
    assert words(bench.ask("play cenc", *OVER)) == ["title_playing", "title_ended"]


def test_seek_goes_on_from_the_fragment_of_that_instant_with_a_head_of_its_own():
    bench = Bench()
    bench.ask(licence_for(), "licensed")
    more = slow(bench)
    bench.board.console.lines.append("play cenc")
    more(20)
    bench.board.console.lines.append("seek 9")
    said = more(2000)
    assert words(said) == ["title_playing", "title_ended"], said
    ms = int(said[0].split("ms=")[1].split(" ")[0])
    assert 0 < ms < 1000
    whole = Bench()
    whole.ask("play clear", *OVER)
    tail = samples(bench)[-400:]
    assert tail == samples(whole)[-400:]
    assert bench.service.state == "idle"


def test_seek_in_a_pause_goes_on_playing():
    bench = Bench()
    more = slow(bench)
    bench.board.console.lines.append("play clear")
    more(20)
    bench.board.console.lines += ["pause", "seek 0"]
    said = more(2000)
    assert words(said) == ["title_paused", "title_playing", "title_ended"]


def test_a_title_without_index_does_not_seek_and_says_so():
    bench = Bench()
    at = CLEAR.index(b"sidx")
    bench.board.titles["clear"] = CLEAR[:at] + b"free" + CLEAR[at + 4 :]
    more = slow(bench)
    bench.board.console.lines.append("play clear")
    more(20)
    bench.board.console.lines.append("seek 1")
    said = more(300)
    assert words(said) == ["title_failed"] and "no index" in said[0] and bench.service.state == "idle"


def test_commands_that_do_not_fit_are_refused_in_every_state():
    bench = Bench()
    for line in ("pause", "resume", "stop", "seek 1"):
        assert bench.ask(line, "error") == ["error no title plays"]
    for line in ("play", "play a b", "stop now", "seek"):
        assert bench.ask(line, "error")[0].startswith("error play takes")
    assert bench.ask("play nothing", "error")[0].startswith("error there is no title nothing here")
    more = slow(bench)
    bench.board.console.lines.append("play clear")
    more(20)
    bench.board.console.lines += ["resume", "play clear", "seek -1", "seek x", "seek 99999999"]
    said = more(12)
    assert said[:2] == ["error resume: the title is playing", "error a title is playing: say stop first"]
    assert len(said) == 5 and all([line.startswith("error seek takes") for line in said[2:]])
    assert words(more(2000)) == ["title_ended"], "and it was not disturbed"


def test_a_title_that_is_cut_is_told_and_what_was_good_is_heard():
    whole = Bench()
    whole.ask("play clear", *OVER)
    everything = samples(whole)
    for share in (2, 3):
        bench = Bench()
        bench.board.titles["cut"] = CLEAR[: len(CLEAR) * share // 4]
        said = bench.ask("play cut", *OVER)
        assert words(said) == ["title_playing", "title_failed"] and "it is cut" in said[1]
        assert bench.service.state == "fading"
        heard = bytes(bench.board.chip.data)
        assert len(heard) > 200 and everything.startswith(heard), "and nothing else"
        bench.turn(FADE_MS // 10 + 5)
        assert bench.service.state == "idle" and ("write", 0, 0x4808) in bench.board.chip.log
        assert words(bench.ask("play clear", *OVER)) == ["title_playing", "title_ended"]


def test_what_is_no_title_and_a_title_with_a_codec_that_nobody_has_are_told():
    bench = Bench()
    bench.board.titles["text"] = b"what a nice day it is today, is it not?"
    (said,) = bench.ask("play text", *OVER)
    assert said.startswith("title_failed what begins with") and not bench.board.chip.data
    kind = CLEAR.index(b"\x04\x80\x80\x80\x17\x40") + 5
    bench.board.titles["odd"] = CLEAR[:kind] + b"\xdd" + CLEAR[kind + 1 :]
    (said,) = bench.ask("play odd", *OVER)
    assert said == "title_failed no codec mp4a.dd on this terminal" and not bench.board.chip.data
    bench.board.titles["empty"] = b""
    (said,) = bench.ask("play empty", *OVER)
    assert "has no moov" in said


def test_a_chip_that_fails_behind_a_title_without_a_key_is_not_told_as_darkness():
    bench = Bench()
    assert bench.ask("play cenc", *OVER)[0].startswith("title_dark ")
    bench.service._chip.state = "failed"
    bench.board.chip.registers[1] = 0
    assert bench.ask("play clear", *OVER) == ["title_failed no decoder chip answers: look at its wires"]


def test_a_board_without_chip_and_a_chip_that_does_not_answer_are_told():
    bench = Bench()
    bench.board.chip, chip = None, bench.board.chip
    assert "no decoder chip" in bench.ask("play clear", "error")[0]
    bench.board.chip = chip
    chip.registers[1] = 0
    assert bench.ask("play clear", *OVER) == ["title_failed no decoder chip answers: look at its wires"]
    chip.registers[1] = 4 << 4
    assert words(bench.ask("play clear", *OVER)) == ["title_playing", "title_ended"], "somebody has mended it"


def test_a_chip_that_takes_nothing_any_more_is_told():
    bench = Bench()
    more = slow(bench)
    bench.board.console.lines.append("play clear")
    more(20)
    bench.board.chip.busy = True
    said = bench.turn(STUCK_MS // 100 + 10, 100)
    assert said == ["title_failed the decoder chip takes nothing any more"]
    bench.turn(100, 100)
    assert bench.service.state == "idle"


def test_a_pause_of_an_hour_is_no_chip_that_takes_nothing():
    bench = Bench()
    more = slow(bench)
    bench.board.console.lines.append("play clear")
    more(20)
    bench.board.chip.room = 0
    bench.board.console.lines.append("pause")
    assert words(bench.turn(2, 10)) == ["title_paused"]
    assert bench.turn(60, 60000) == []
    bench.board.console.lines.append("resume")
    assert words(bench.turn(3, 10)) == ["title_resumed"]
    assert words(more(3000)) == ["title_ended"]


def test_a_file_that_cannot_be_read_any_more_is_told():
    class Worn:
        def seek(self, place):
            pass

        def readinto(self, buffer):
            raise OSError(5)

        def close(self):
            pass

    bench = Bench()
    bench.board.open = lambda path, mode: Worn()
    (said,) = bench.ask("play clear", *OVER)
    assert said.startswith("title_failed the file cannot be read")


def test_a_record_that_is_damaged_is_told_and_is_not_silence_without_a_word():
    bench = Bench()
    bench.ask(licence_for(), "licensed")
    for path in bench.board.FILES.files:
        if "titles-" in path:
            bench.board.FILES.files[path] = b"RCks" + bytes(60)
    (said,) = bench.ask("play cenc", *OVER)
    assert said.startswith("title_failed record titles-") and "provision again" in said


def test_a_turn_of_a_playing_title_allocates_nothing_and_a_new_sample_two_views():
    if sys.implementation.name != "micropython":
        raise Skip("CPython counts differently")
    import gc

    bench = Bench()
    bench.ask(licence_for(), "licensed")
    chip = bench.board.chip
    chip.room = 0
    bench.board.console.lines.append("play cenc")
    for _ in range(30):
        chip.room = min(2048, chip.room + 32)
        bench.turn(1, 10)
    chip.logs = False
    service, now_ms = bench.service, bench.service._now_ms
    assert service.state == "playing"
    turns = 20
    used, played = [0] * turns, [0] * turns
    gc.collect()
    gc.disable()
    try:
        for turn in range(turns):
            chip.room = 32
            before = gc.mem_alloc()
            service.step(now_ms + turn)
            used[turn] = gc.mem_alloc() - before
            played[turn] = service._reader.samples()
    finally:
        gc.enable()
    assert played[-1] > played[0] + 1
    for turn in range(1, turns):  # in the first, the lists themselves are new to the collector
        of_a_sample = played[turn] > played[turn - 1]
        assert used[turn] <= (64 if of_a_sample else 0), (used, played)
