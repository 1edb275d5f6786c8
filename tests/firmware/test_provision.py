# runtimes: cpython unix
"""Provisioning at the board: whom it lets give it an identity, and what it says to all others."""

from app_rig import KEY, LOCK, Board, answer, no_secret_in, provisioned_board, start
from provision_rig import NEW_ID, NEW_KEY, NEW_NUMBER, Host, provision, record
from settop.crypto import x25519
from settop.crypto.hkdf import sha256

HEADEND = bytes(sha256(b"head-end"))
DONE = "provisioned " + NEW_ID.hex()
NO_ANSWER = "this is no answer for this board and this time: cut short, altered or replayed; "


def reasoned(line):
    """Why the board says no, without what proves that it is the board."""
    words = line.split(" ", 2)
    return words[2] if words[0] == "provision-refused" else line[len("error ") :]


def trusting(board):
    board.HEADEND = x25519.public_key(HEADEND).hex()
    return board


def is_new(app):
    identity = app.identity()
    return (identity.terminal_id, bytes(identity.device_key)) == (NEW_ID, NEW_KEY)


def is_old(app):
    return app.identity().terminal_id == b"terminal" and bytes(app.identity().device_key) == KEY


def test_an_empty_board_takes_its_first_identity_and_has_it_after_the_next_start():
    board = Board()
    app = start(board)
    said = provision(app, board)
    assert said[0].split()[2:] == ["headend=none", "terminal=none"]
    assert said[-1].startswith(DONE) and is_new(app)
    assert answer(app, board, "call")[0] == "dialling number=" + NEW_NUMBER
    del app
    app = start(board)
    assert board.console.said[-1].endswith(" terminal=" + NEW_ID.hex()) and is_new(app)
    no_secret_in(board)


def test_an_unasked_provision_is_refused():
    board = provisioned_board()
    app = start(board)
    for authority, reason in (("first", "this terminal has an identity ("), ("old", NO_ANSWER)):
        said = provision(app, board, Host(b"somebody"), authority)
        assert said[0].split()[3] == "terminal=" + b"terminal".hex()
        assert reasoned(said[-1]).startswith(reason), said
    said = provision(app, board, Host(b"somebody"), "old", bytes(32))
    assert reasoned(said[-1]).startswith(NO_ANSWER)
    assert is_old(app) and board.locks == [LOCK]
    del app
    assert is_old(start(board))


def test_whoever_knows_the_old_device_key_replaces_an_identity():
    board = provisioned_board()
    app = start(board)
    assert provision(app, board, None, "old", KEY)[-1].startswith(DONE)
    assert board.locks != [LOCK] and len(board.locks) == 1
    del app
    for _ in range(2):
        app = start(board)
        assert board.console.said[-1].endswith(" terminal=" + NEW_ID.hex()), board.console.said
        assert is_new(app)
        del app
    no_secret_in(board)


def test_a_button_that_is_held_is_consent_and_one_that_is_not_is_none():
    board = provisioned_board()
    board.button = lambda: True
    app = start(board)
    said = provision(app, board, None, "consent")
    assert [line.split()[0] for line in said] == ["provision-key", "provision-code", "provisioned"]
    del app
    board = provisioned_board()
    board.button = lambda: False
    app = start(board)
    host = Host()
    said = answer(app, board, host.open(answer(app, board, host.ask())[0], "consent"))
    assert said[0].startswith("provision-consent provision-replace ")


def asked(app, board):
    host = Host()
    (said,) = answer(app, board, host.open(answer(app, board, host.ask())[0], "consent"))
    assert said.startswith("provision-consent provision-replace ")
    return host, said.split()[2]


def test_consent_is_the_number_that_the_board_shows_and_good_for_a_minute_and_once():
    board = provisioned_board()
    app = start(board)
    host, number = asked(app, board)
    wrong = "%06d" % ((int(number) + 1) % 1000000)
    assert answer(app, board, "provision-replace " + wrong)[0].startswith("error that is not the number")
    assert answer(app, board, "provision-replace " + number)[0].startswith("error nothing was asked")
    assert answer(app, board, host.bring())[0].startswith("error say `provision` first")
    host, again = asked(app, board)
    assert again != number
    board.ticks += 61000
    assert answer(app, board, "provision-replace " + again)[0].startswith("error that was too late")
    assert is_old(app)
    host, number = asked(app, board)
    assert answer(app, board, host.bring())[0].startswith("error say `provision` first")
    board.ticks += 50000
    assert answer(app, board, "provision-replace " + number) == ["provision-code " + host.code]
    assert answer(app, board, host.bring()) == [DONE + " " + host.done]


def test_a_board_that_trusts_a_head_end_takes_an_identity_from_no_other():
    for host in (Host(), Host(headend=bytes(sha256(b"another")))):
        board = trusting(Board())
        app = start(board)
        said = answer(app, board, host.ask())
        assert said[0].split()[2] == "headend=" + board.HEADEND[:16]
        answer(app, board, host.open(said[0]))
        assert reasoned(answer(app, board, host.bring())[0]).startswith(NO_ANSWER)
        assert app.identity() is None and board.locks == []
        del app
    app = start(board)
    assert provision(app, board, Host(headend=HEADEND))[-1].startswith(DONE)


def test_a_setting_that_is_no_public_key_is_named():
    for text in ("zz", "00", "00" * 33):
        board = Board()
        board.HEADEND = text
        assert "HEADEND" in answer(start(board), board, Host().ask())[0]


def test_another_key_than_the_one_announced_is_refused():
    board = Board()
    app = start(board)
    one, other = Host(b"one"), Host(b"other")
    said = answer(app, board, one.ask())
    assert answer(app, board, other.open(said[0]))[0].startswith("error another key than the one announced")
    assert answer(app, board, one.open(said[0]))[0].startswith("error say `provision` first")


def test_every_blob_that_is_not_the_one_gets_one_answer_and_ends_the_attempt():
    board = provisioned_board()
    app = start(board)
    good = []
    for spoil in (
        lambda line: line[:-1],
        lambda line: line[:-2],
        lambda line: line[:60],
        lambda line: "provision-set 00",
        lambda line: "provision-set zz",
        lambda line: "provision-set " + "00" * 128,
        lambda line: line[:40] + ("0" if line[40] != "0" else "1") + line[41:],
        lambda line: good[0],  # of an earlier time
    ):
        host = Host()
        said = answer(app, board, host.ask())
        assert answer(app, board, host.open(said[0], "old", KEY)) == ["provision-code " + host.code]
        line = host.bring()
        good.append(line)
        (said,) = answer(app, board, spoil(line))
        assert reasoned(said).startswith(NO_ANSWER) and said.endswith("run `ringcast provision` again"), said
        assert answer(app, board, line)[0].startswith("error say `provision` first")
        assert is_old(app) and board.locks == [LOCK]
    no_secret_in(board)


def test_what_was_sealed_for_another_board_is_refused():
    lines = []
    for entropy in (b"1", b"2"):
        board = Board()
        board.entropy = lambda entropy=entropy: entropy * 32
        app = start(board)
        host = Host()
        answer(app, board, host.open(answer(app, board, host.ask())[0]))
        lines.append(host.bring())
        if len(lines) == 2:
            assert reasoned(answer(app, board, lines[0])[0]).startswith(NO_ANSWER)
        del app


def test_content_that_is_no_identity_is_refused_though_it_is_the_head_ends():
    for bad in (b"\x01" + record()[1:], record()[:9] + bytes(32)):
        board = provisioned_board()
        app = start(board)
        said = provision(app, board, None, "old", KEY, identity_record=bad)
        if bad[0] == 1:
            assert reasoned(said[-1]).startswith(NO_ANSWER)
            assert is_old(app)
        del app


def test_a_telephone_number_that_no_modem_dials_is_refused_with_the_whole():
    for number in (b"", b"0" * 21, b"555 0100", b"\xff"):
        board = provisioned_board()
        app = start(board)
        assert reasoned(provision(app, board, None, "old", KEY, records=(("call", "number", number),))[-1]).startswith(
            NO_ANSWER
        )
        assert is_old(app) and board.locks == [LOCK]
        del app


def test_a_board_whose_lock_keys_are_damaged_has_an_identity_that_does_not_open():
    board = provisioned_board()
    board.locks = []
    board.locks_damaged = lambda: 2
    app = start(board)
    assert provision(app, board)[0].endswith("terminal=damaged")
    assert provision(app, board)[-1].startswith("error this terminal has an identity (one that does not open)")
    assert provision(app, board, None, "consent")[-1].startswith(DONE)


def test_what_the_board_says_to_the_blob_is_proved_by_the_exchange_and_different_for_yes_and_no():
    board = provisioned_board()
    app = start(board)
    for spoil, word in ((lambda line: line[:-2], "provision-refused "), (lambda line: line, DONE + " ")):
        host = Host()
        said = answer(app, board, host.ask())
        answer(app, board, host.open(said[0], "old", KEY))
        (said,) = answer(app, board, spoil(host.bring()))
        assert len(host.done) == len(host.refused) == 16 and host.done != host.refused
        assert said.startswith(word + (host.done if word.startswith(DONE) else host.refused)), said


def test_an_identity_whose_files_are_gone_is_not_given_up_without_consent():
    board = provisioned_board()
    start(board)
    board.FILES.files.clear()
    app = start(board)
    assert app.identity() is None
    said = provision(app, board)
    assert said[0].endswith("terminal=damaged")
    assert said[-1].startswith("error this terminal has an identity (one that does not open)")
    assert provision(app, board, None, "consent")[-1].startswith(DONE)


def test_a_key_of_small_order_is_refused():
    board = Board()
    app = start(board)
    host = Host()
    host.public = bytes(32)
    said = answer(app, board, host.ask())
    assert answer(app, board, "provision-open %s first" % ("00" * 32))[0].startswith("error X25519 public key of small")
    assert said[0].startswith("provision-key")


def test_a_board_that_lost_its_lock_key_is_provisioned_anew_and_stays_so():
    board = provisioned_board()
    start(board)
    board.locks = []
    app = start(board)
    assert provision(app, board)[-1].startswith(DONE)
    del app
    for _ in range(2):
        start(board)
        assert board.console.said[-1].endswith(" terminal=" + NEW_ID.hex()), board.console.said


def test_an_identity_that_does_not_open_is_not_given_up_without_consent():
    board = provisioned_board()
    for suffix in (".a", ".b"):
        board.FILES.files["keys/terminal-identity" + suffix] = b"\xff" * 40
    app = start(board)
    assert app.identity() is None
    said = provision(app, board)
    assert said[0].endswith("terminal=damaged")
    assert said[-1].startswith("error this terminal has an identity (one that does not open)")
    assert provision(app, board, None, "old", KEY)[-1].startswith("error this terminal has no identity that opens")
    assert provision(app, board, None, "consent")[-1].startswith(DONE)


def test_a_list_that_does_not_open_hides_no_identity_from_provisioning():
    board = provisioned_board()
    start(board)
    for suffix in (".a", ".b"):
        board.FILES.files["keys/list" + suffix] = b"\xff" * 40
    app = start(board)
    said = provision(app, board)
    assert said[0].endswith("terminal=" + b"terminal".hex())
    assert said[-1].startswith("error this terminal has an identity (")


def test_flash_that_refuses_leaves_the_old_identity():
    board = provisioned_board()
    app = start(board)
    host = Host()
    answer(app, board, host.open(answer(app, board, host.ask())[0], "old", KEY))
    board.FILES.fails = True
    assert answer(app, board, host.bring())[0].startswith("provision-refused %s the flash refused" % host.refused)
    assert is_old(app)
    board.FILES.fails = False
    del app
    assert is_old(start(board))


def test_what_only_a_provisioning_needs_does_not_stay_in_memory():
    import sys

    board = Board()
    app = start(board)
    for ended in ("provision-set 00", "provision zz"):
        answer(app, board, ended)
        assert "settop.services.provision" not in sys.modules
    host = Host()
    answer(app, board, host.open(answer(app, board, host.ask())[0]))
    assert "settop.services.provision" in sys.modules
    answer(app, board, host.bring())
    for module in ("services.provision", "wire.provision", "keystore.relock", "keystore.changes"):
        assert "settop." + module not in sys.modules, module


def test_a_board_without_room_for_the_ring_takes_its_identity_all_the_same():
    def no_room():
        raise MemoryError

    board = Board()
    app = start(board)
    app.player.make_ring = no_room
    assert provision(app, board)[-1].startswith(DONE) and is_new(app)


def test_a_record_that_the_keystore_has_no_name_for_is_refused_with_the_whole():
    board = provisioned_board()
    app = start(board)
    brought = (("a_very_long_one", "a_very_long_one", b"1"), ("call", "number", NEW_NUMBER.encode()))
    assert provision(app, board, None, "old", KEY, records=brought)[-1].startswith("provision-refused ")
    assert is_old(app) and board.locks == [LOCK]
    del app
    assert is_old(start(board))
