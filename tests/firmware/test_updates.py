# on the pico: soak
"""What a terminal does with signed modules: verified before they run, kept, tried, reverted; all else is refused."""

import sys

import update_vectors as vectors
from kit import raises
from settop.errors import LocalError, RemoteError
from settop.states import row_of
from settop.updates.reception import Reception
from settop.updates.record import Entry, Record, pack_record, unpack_record
from settop.updates.states import TABLE, TRIES
from settop.wire.update import HEAD_BYTES, REFUSED
from update_rig import Terminal, installed, provisioned

FRONT = 157
ON_A_COMPUTER = sys.implementation.name == "cpython"  # a board verifies two in a second


def refused(terminal, octets, size=64):
    """One answer, nothing changed, and what was here runs on."""
    before = dict(terminal.board.flash.files)
    count = terminal.board.flash.count
    with raises(RemoteError) as caught:
        terminal.receive(octets, size)
    assert str(caught.value) == REFUSED
    after = dict(terminal.board.flash.files)
    assert after == before and terminal.board.flash.count == count


def test_a_module_comes_runs_and_is_kept():
    terminal = Terminal(provisioned())
    assert terminal.runs() is None
    assert terminal.receive(vectors.BEEP_1, 5) == "beep"
    assert terminal.modules.record("beep").state() == "stored"
    module, trial = terminal.modules.start("beep")
    assert trial and module.make(None, 1, 1, b"") == "beep 1" and terminal.modules.record("beep").state() == "trying"
    terminal.modules.came_up("beep")
    assert terminal.modules.record("beep").state() == "kept"
    later = Terminal(terminal.board.flash)
    assert later.runs() == "beep 1" and later.files() == ["update/A/up_beep.py"] and not later.told


def test_a_newer_one_takes_its_place_in_the_other_slot():
    flash = installed(vectors.BEEP_1, vectors.BEEP_2)
    terminal = Terminal(flash)
    assert terminal.files() == ["update/B/up_beep.py"] and terminal.runs() == "beep 2"
    terminal.receive(vectors.BEEP_9)
    assert terminal.files() == ["update/A/up_beep.py", "update/B/up_beep.py"]
    assert Terminal(flash).runs() == "beep 9" and terminal.files() == ["update/A/up_beep.py"]


def test_one_that_is_older_or_the_same_is_refused():
    terminal = Terminal(installed(vectors.BEEP_1, vectors.BEEP_2))
    refused(terminal, vectors.BEEP_1)
    refused(terminal, vectors.BEEP_2)
    assert terminal.runs() == "beep 2"
    terminal.receive(vectors.BEEP_9)
    refused(terminal, vectors.BEEP_9)
    refused(terminal, vectors.BEEP_3_RAISES)


def test_what_is_altered_anywhere_is_refused():
    terminal = Terminal(installed(vectors.BEEP_1))
    for at in range(0, FRONT, 1 if ON_A_COMPUTER else 53):
        wrong = bytearray(vectors.BEEP_2)
        wrong[at] ^= 1
        refused(terminal, wrong)
    assert terminal.runs() == "beep 1"


def test_a_module_whose_octets_are_not_what_was_signed_never_runs():
    terminal = Terminal(installed(vectors.BEEP_1))
    for at in (FRONT, len(vectors.BEEP_2) - 1):
        wrong = bytearray(vectors.BEEP_2)
        wrong[at] ^= 1
        with raises(RemoteError) as caught:
            terminal.receive(wrong)
        assert str(caught.value) == REFUSED
        assert terminal.files() == ["update/A/up_beep.py"] and terminal.runs() == "beep 1"


def test_one_that_is_cut_short_or_goes_on_is_refused():
    terminal = Terminal(installed(vectors.BEEP_1))
    for octets in (
        b"",
        vectors.BEEP_2[:HEAD_BYTES],
        vectors.BEEP_2[: FRONT - 1],
        vectors.BEEP_2[:FRONT],
        vectors.BEEP_2[:-1],
        vectors.BEEP_2 + b"x",
    ):
        with raises(RemoteError) as caught:
            terminal.receive(octets)
        assert str(caught.value) == REFUSED
        assert terminal.files() == ["update/A/up_beep.py"] and terminal.runs() == "beep 1"


def test_one_for_another_board_processor_or_codec_is_refused():
    terminal = Terminal(installed(vectors.BEEP_1))
    refused(terminal, vectors.BEEP_6_OF_ANOTHER_BOARD)
    refused(terminal, vectors.BEEP_7_OF_ANOTHER_PROCESSOR)
    refused(terminal, vectors.BEEP_8_OF_ANOTHER_CODEC)
    assert terminal.runs() == "beep 1"


def test_one_that_somebody_else_signed_is_refused():
    terminal = Terminal(installed(vectors.BEEP_1))
    terminal.board.SIGNER = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"  # of RFC 8032
    refused(terminal, vectors.BEEP_2)


def test_a_board_that_names_no_signer_or_a_useless_one_takes_none():
    terminal = Terminal(provisioned())
    for signer in ("", "ab", "xy" * 32, "01" + "00" * 31):
        terminal.board.SIGNER = signer
        with raises(LocalError) as caught:
            terminal.receive(vectors.BEEP_1)
        assert signer == "" or signer not in str(caught.value)
    assert not terminal.files()


def test_one_that_does_not_load_is_reverted_and_its_version_is_spent():
    terminal = Terminal(installed(vectors.BEEP_1))
    terminal.receive(vectors.BEEP_3_RAISES)
    assert terminal.runs() == "beep 1"
    assert terminal.told == ["beep version 3 does not load: ZeroDivisionError"]
    refused(terminal, vectors.BEEP_3_RAISES)
    refused(terminal, vectors.BEEP_2)
    assert terminal.files() == ["update/A/up_beep.py"]
    terminal.receive(vectors.BEEP_9)
    assert terminal.runs() == "beep 9"


def test_one_that_never_comes_up_is_reverted_behind_three_starts():
    flash = installed(vectors.BEEP_1)
    Terminal(flash).receive(vectors.BEEP_2)
    for _ in range(TRIES):
        module, trial = Terminal(flash).modules.start("beep")
        assert trial and module.make(None, 1, 1, b"") == "beep 2"
    terminal = Terminal(flash)
    assert terminal.runs() == "beep 1" and "did not come up in 3 starts" in terminal.told[0]
    assert terminal.files() == ["update/A/up_beep.py"]
    refused(terminal, vectors.BEEP_2)


def test_a_file_that_was_changed_in_flash_does_not_run():
    flash = installed(vectors.BEEP_1)
    Terminal(flash).receive(vectors.BEEP_2)
    flash.files["update/B/up_beep.py"] = flash.files["update/B/up_beep.py"].replace(b"beep 2", b"evil 2")
    terminal = Terminal(flash)
    assert terminal.runs() == "beep 1" and "damaged in flash" in terminal.told[0]
    terminal.receive(vectors.BEEP_2)  # damage spends no version
    assert terminal.runs() == "beep 2"
    flash.files["update/B/up_beep.py"] += b"x"
    terminal = Terminal(flash)
    assert terminal.runs() is None and "damaged in flash" in terminal.told[0]
    assert terminal.modules.record("beep").state() == "empty" and not terminal.files()
    terminal = Terminal(flash)
    refused(terminal, vectors.BEEP_1)


def test_a_terminal_knows_eight_names_at_most():
    flash = provisioned()
    records = Terminal(flash).modules.records
    for number in range(8):
        records.store("other%d" % number, pack_record(Record(1, "x")), True)
    terminal = Terminal(flash)
    with raises(RemoteError) as caught:
        terminal.receive(vectors.BEEP_1)
    assert "8 modules" in str(caught.value) and not terminal.files()


def test_a_file_that_nobody_signed_is_no_module():
    flash = provisioned()
    flash.files["update/A/up_beep.py"] = b"evil"
    terminal = Terminal(flash)
    assert terminal.modules.names() == [] and terminal.runs() is None
    terminal.receive(vectors.BEEP_1)
    assert terminal.runs() == "beep 1"


def test_an_older_record_that_is_put_back_is_not_believed():
    flash = installed(vectors.BEEP_1)
    kept = {path: flash.files[path] for path in flash.files if "beep" in path}
    terminal = Terminal(flash)
    terminal.receive(vectors.BEEP_2)
    assert terminal.runs() == "beep 2"
    flash.files.update(kept)
    terminal = Terminal(flash)
    with raises(RemoteError) as caught:
        terminal.modules.start("beep")
    assert "roll-back" in str(caught.value)
    with raises(RemoteError):
        terminal.receive(vectors.BEEP_1)


def test_all_files_put_back_run_nothing_older():
    flash = installed(vectors.BEEP_1)
    files = dict(flash.files)
    terminal = Terminal(flash)
    terminal.receive(vectors.BEEP_2)
    terminal.runs()
    flash.files = files
    terminal = Terminal(flash)
    assert "roll-back" in terminal.wrong
    with raises(RemoteError):
        terminal.modules.start("beep")


def test_a_full_flash_is_told_and_leaves_nothing_behind():
    terminal = Terminal(installed(vectors.BEEP_1))
    terminal.board.room = 20
    with raises(OSError):
        terminal.receive(vectors.BEEP_2)
    terminal.board.room = None
    assert terminal.files() == ["update/A/up_beep.py"] and terminal.runs() == "beep 1"
    terminal.receive(vectors.BEEP_2)
    assert terminal.runs() == "beep 2"


def test_a_flash_that_keeps_something_else_is_told_and_the_old_one_runs():
    terminal = Terminal(installed(vectors.BEEP_1))
    files = terminal.modules.files
    append = files.append
    files.append = lambda octets: append(bytes(octets[:-1]) + b"#")
    with raises(RemoteError) as caught:
        terminal.receive(vectors.BEEP_2)
    assert "does not read back" in str(caught.value)
    files.append = append
    assert terminal.files() == ["update/A/up_beep.py"] and terminal.runs() == "beep 1"


def test_what_was_dropped_is_over_and_leaves_nothing_behind():
    terminal = Terminal(installed(vectors.BEEP_1))
    coming = Reception(terminal.modules)
    coming.write(vectors.BEEP_2[:-5])
    assert coming.name == "beep"
    coming.drop()
    coming.drop()
    for again in (lambda: coming.write(b"x"), coming.finish):
        with raises(LocalError):
            again()
    assert terminal.files() == ["update/A/up_beep.py"] and terminal.runs() == "beep 1"


def test_forgotten_it_is_gone_and_its_versions_stay_spent():
    flash = installed(vectors.BEEP_1, vectors.BEEP_2)
    terminal = Terminal(flash)
    terminal.modules.forget("beep")
    assert not terminal.files()
    terminal = Terminal(flash)
    assert terminal.runs() is None and not terminal.told
    refused(terminal, vectors.BEEP_2)
    terminal.receive(vectors.BEEP_9)
    terminal.modules.forget("beep")
    refused(terminal, vectors.BEEP_9)
    with raises(RemoteError):
        terminal.modules.forget("boop")


def test_a_new_identity_keeps_what_came_and_what_is_spent():
    from keystore_rig import OTHER_LOCK
    from settop.keystore.relock import replace

    flash = installed(vectors.BEEP_1, vectors.BEEP_2)
    replace(Terminal(flash).keystore, OTHER_LOCK, ())
    terminal = Terminal(flash)
    assert terminal.runs() == "beep 2"
    refused(terminal, vectors.BEEP_1)


def test_a_record_is_read_as_it_was_packed():
    entries = (None, Entry(0, 7, b"\x06\x13\x1f", 65536, bytes(range(32))), Entry(1, 1, bytes(3), 1, b"\xff" * 32))
    for kept in entries:
        for new in entries:
            data = pack_record(Record(1, "mp4a.40.2", 0xFFFFFFFF, 3, kept, new))
            again = unpack_record(bytearray(data))
            assert pack_record(again) == data and again.codec == "mp4a.40.2" and again.floor == 0xFFFFFFFF
            assert (again.kept is None) == (kept is None) and (again.new is None) == (new is None)
            for wrong in (data[:-1], data + b"\x00", b"\x02" + data[1:]):
                with raises(RemoteError):
                    unpack_record(wrong)


def test_every_state_and_event_of_the_table_leads_somewhere_that_is_in_it():
    states = ("empty", "stored", "trying", "kept")
    for state, event, action, following in TABLE:
        assert state in states and following in states
        assert row_of(TABLE, state, event)[2] == action
    assert not [row for row in TABLE if row[1] == "came_up" and row[0] != "trying"]
