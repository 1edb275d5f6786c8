"""Both ends of the dock's protocol against each other: who is let in, what arrives, what a bad line may do."""

from dock_rig import HOUSEHOLD, PLAYER, STRANGER, TERMINAL, Bench, Drawn, Members
from kit import raises
from settop.dock.contact import Contact, pair_key
from settop.errors import LocalError, RemoteError
from settop.keystore.identity import Identity
from settop.link.hdlc import encode
from settop.services.dock.core import TRIES, DockTerminal
from settop.services.dock.states import TABLE as TERMINAL_TABLE
from settop.services.player.core import SILENCE_MS, DockPlayer
from settop.services.player.states import TABLE as PLAYER_TABLE
from settop.wire import dock as wire

SONG = bytes([at * 7 & 0xFF for at in range(1500)])


def test_every_row_of_the_tables_has_its_action_and_its_states():
    for table, kind in ((TERMINAL_TABLE, DockTerminal), (PLAYER_TABLE, DockPlayer)):
        known = {row[0] for row in table}
        assert len({row[:2] for row in table}) == len(table)
        for state, _, action, after in table:
            assert after in known and hasattr(kind, action), (state, action)


def test_a_player_of_the_household_is_docked_and_says_what_it_can():
    bench = Bench()
    assert bench.dock() == ("docked", b"player 1", wire.MEMBER, 14, 100000, 0, 0, ["mp4a.6b", "ipcm"])
    assert bench.opened == (HOUSEHOLD, wire.MEMBER)
    assert bench.terminal.state == "docked" and bench.player.state == "met"
    bench.turn(3000)
    assert bench.terminal.state == "docked" and not bench.told  # pings alone


def test_one_that_has_left_is_told_so_in_the_sealed_part():
    bench = Bench()
    bench.members.standing[b"player 1"] = wire.GONE
    assert bench.dock()[2] == wire.GONE and bench.opened == (HOUSEHOLD, wire.GONE)


def test_a_player_of_nobody_is_turned_away_and_hears_why():
    bench = Bench(STRANGER)
    assert bench.until("turned_away") == ("turned_away", b"player 2", wire.UNKNOWN)
    bench.turn()
    assert "turned_away" in bench.heard and bench.terminal.state == "alone" and "asked" not in bench.heard


def test_a_player_without_an_identity_says_so():
    bench = Bench(None)
    assert bench.until("turned_away") == ("turned_away", b"", wire.EMPTY)


def test_who_knows_a_member_s_id_but_not_its_key_is_not_let_in():
    bench = Bench(Identity(PLAYER.terminal_id, bytes(32)))
    bench.turn(500)
    assert bench.player.state != "met" and "met" not in bench.heard
    assert not [event for event in bench.told if event[0] == "docked"]


def test_a_terminal_that_does_not_know_the_player_s_key_is_not_obeyed():
    bench = Bench()
    bench.terminal._find = lambda player_id: (HOUSEHOLD, wire.GONE, bytearray(16))
    bench.turn(1000)
    assert "asked" not in bench.heard and "met" not in bench.heard and bench.player.refused


def test_a_false_player_s_proof_is_told_from_the_true_one():
    """A player that proves nothing: the terminal asks nothing of it."""
    terminal = DockTerminal(TERMINAL, Drawn(1), Members(PLAYER))
    terminal.poll(5000)
    terminal.receive(encode(wire.pack_greeting(wire.I_AM, b"player 1", bytes(16))), 5000)
    assert terminal.state == "greeted"
    terminal.data_to_send()
    terminal.receive(encode(wire.pack_proof(wire.PROVEN, bytes(16))), 5001)
    assert terminal.state == "alone" and not terminal.data_to_send()
    assert terminal.next_event() == ("refused", "a player that does not know its own key")
    assert terminal.next_event() == ("lost",)


def test_the_terminal_s_own_proof_sent_back_is_none():
    """Both proofs are of one schedule, and differ."""
    pair = pair_key(PLAYER.device_key, b"player 1", b"terminal")
    ours = Contact(pair, b"terminal", b"player 1", bytes(32), False)
    theirs = Contact(pair, b"terminal", b"player 1", bytes(32), True)
    assert ours.proves(theirs.proof) and theirs.proves(ours.proof) and not ours.proves(ours.proof)
    sealed = ours.seal(1, b"\x15")
    with raises(RemoteError):
        ours.open(sealed)
    assert theirs.open(sealed) == (1, b"\x15")
    ours.wipe()
    assert not any(ours.proof) and not ours.proves(bytes(16))
    with raises(LocalError):
        ours.seal(2, b"\x15")


def test_keys_differ_from_contact_to_contact_and_from_pair_to_pair():
    pairs = [
        bytes(pair_key(key, player, terminal))
        for key in (bytes(32), bytes(range(32)))
        for player in (b"player 1", b"player 2")
        for terminal in (b"terminal", b"another ")
    ]
    assert len(set(pairs)) == 8
    proofs = [
        bytes(Contact(pairs[0], b"terminal", b"player 1", nonces, True).proof) for nonces in (bytes(32), SONG[:32])
    ]
    assert proofs[0] != proofs[1]


def test_a_copy_arrives_as_it_was_and_its_key_with_it():
    bench = Bench()
    bench.dock()
    key = bytes(range(16))
    assert bench.transfer(SONG, key=key) == ("answer", wire.END, bytearray((wire.OK,)))
    assert bench.kept == {b"copy one": SONG}
    from settop.crypto.hkdf import sha256

    assert bench.ended == (len(SONG), bytes(sha256(SONG)), bytes(16), bytearray(key))


def test_the_key_is_not_on_the_line():
    bench = Bench()
    seen = bytearray()

    def watch(octets, to_player):
        seen.extend(octets)
        return octets

    bench.damage = watch
    bench.dock()
    key = bytes(range(0xB0, 0xC0))
    bench.transfer(SONG, key=key)
    assert bench.ended[3] == key
    for secret in (key, PLAYER.device_key, TERMINAL.device_key):
        for at in range(len(secret) - 7):
            assert secret[at : at + 8] not in seen


def test_every_frame_may_be_lost_once():
    """Whichever is: what arrives is the same."""
    clean = Bench()
    frames = []
    clean.damage = lambda octets, to_player: frames.append(1) or octets
    clean.dock()
    clean.transfer(SONG)
    count = len(frames)
    for lost in range(count):
        bench = Bench()
        seen = []

        def damage(octets, to_player):
            seen.append(1)  # noqa: B023
            return b"" if len(seen) - 1 == lost else octets  # noqa: B023

        bench.damage = damage
        bench.dock()
        assert bench.transfer(SONG)[0] == "answer", lost
        assert bench.kept == {b"copy one": SONG}, lost


def test_a_line_that_damages_octets_delays_and_changes_nothing():
    for seed in range(1, 6):
        bench = Bench()
        state = [seed]

        def damage(octets, to_player):
            out = bytearray(octets)
            for at in range(len(out)):
                state[0] = state[0] * 1103515245 + 12345 & 0x7FFFFFFF  # noqa: B023
                if state[0] >> 8 & 0x3FF == 0:  # noqa: B023
                    out[at] ^= 1 << (at & 7)
            return bytes(out)

        bench.damage = damage
        bench.dock()
        assert bench.transfer(SONG)[0] == "answer"
        assert bench.kept == {b"copy one": SONG}


def test_a_player_that_is_pulled_goes_on_where_it_was():
    for pulled in (0, 1, 127, 128, 129, 600, 1024, 1499):
        bench = Bench()
        bench.dock()
        sent = [0]

        def damage(octets, to_player):
            if to_player and bench.at >= pulled and bench.copy:  # noqa: B023
                bench.cable = False  # noqa: B023
            sent[0] += len(octets) if to_player else 0  # noqa: B023
            return octets

        bench.damage = damage
        assert bench.transfer(SONG) == ("lost",)
        before = bench.at
        bench.turn(SILENCE_MS // 10)
        assert bench.player.state == "alone" and "left" in bench.heard
        bench.damage = lambda octets, to_player: octets
        bench.cable = True
        bench.told = []
        bench.dock()
        assert bench.at == before
        assert bench.transfer(SONG)[0] == "answer" and bench.kept == {b"copy one": SONG}


def test_a_player_that_is_exchanged_for_another_is_not_given_the_first_one_s():
    bench = Bench(members=Members(PLAYER, STRANGER))
    bench.dock()
    bench.player = DockPlayer(STRANGER, Drawn(55))
    bench.until("lost")
    assert bench.dock()[1] == b"player 2"


def test_what_the_player_refuses_is_said_and_the_contact_goes_on():
    bench = Bench()
    bench.dock()
    bench.status = {wire.PUT: wire.FULL}
    assert bench.transfer(SONG) == ("denied", wire.PUT, wire.FULL)
    bench.status = {wire.END: wire.WRONG}
    assert bench.transfer(SONG) == ("denied", wire.END, wire.WRONG)
    bench.status = {}
    assert bench.transfer(SONG, b"copy two")[0] == "answer"


def test_a_player_that_works_long_is_waited_for():
    bench = Bench()
    bench.dock()
    late = []
    answer = bench._answer

    def slow(body):
        if body[0] == wire.END:
            late.append(body)
        else:
            answer(body)

    bench._answer = slow
    bench.terminal.ask(wire.pack_end(1, bytes(32), bytes(16), bytes(16)), bench.now_ms)
    bench.turn(2 * TRIES * 60)
    assert bench.terminal.state == "asking" and len(late) == 1
    answer(late[0])
    assert bench.until("answer")[1] == wire.END


def test_a_question_is_answered_once_however_often_it_comes():
    bench = Bench()
    bench.dock()
    frames = []

    def watch(octets, to_player):
        if to_player:
            frames.append(octets)
        return octets

    bench.damage = watch
    bench.terminal.ask(wire.pack_remove(b"copy one"), bench.now_ms)
    bench.until("answer")
    count = len(bench.asked)
    for octets in frames * 3:
        bench.player.receive(octets, bench.now_ms)
    bench._hear()
    assert len(bench.asked) == count
    assert len(bench.player.data_to_send()) > 0


def test_an_answer_to_a_contact_that_ended_goes_nowhere():
    """The terminal asked, and greets again before the answer: that is none to what it asks next."""
    bench = Bench()
    bench.dock()
    bench.cable = False
    bench.terminal.ask(wire.pack_remove(b"copy one"), bench.now_ms)
    player = bench.player
    player.receive(bench.terminal.data_to_send(), bench.now_ms)
    asked = player.next_event()
    assert asked[0] == "asked"
    player.receive(encode(wire.pack_greeting(wire.HELLO, b"terminal", b"n" * 16)), bench.now_ms)
    player.data_to_send()
    player.answer(asked[2], b"\x00")
    assert not player.data_to_send()
    bench.terminal.start_anew(bench.now_ms)
    bench.cable = True
    bench.dock()
    player.answer(asked[2], b"\x00")
    assert not player.data_to_send()


def test_nothing_is_asked_before_the_contact_is_open():
    bench = Bench()
    bench.turn(120)
    pair = pair_key(PLAYER.device_key, b"player 1", b"terminal")
    terminal, player = b"\x01" * 16, DockPlayer(PLAYER, Drawn(9))
    player.receive(encode(wire.pack_greeting(wire.HELLO, b"terminal", terminal)), 5)
    nonce = wire.unpack_greeting(_frame(player))[2]
    contact = Contact(pair, b"terminal", b"player 1", terminal + nonce, False)
    player.receive(encode(contact.seal(1, bytes((wire.REMOVE,)) + bytes(8))), 6)
    player.receive(encode(wire.pack_piece(0, b"octets")), 6)
    assert player.next_event() is None
    player.receive(encode(wire.pack_proof(wire.PROOF, contact.proof)), 7)
    assert player.next_event() == ("met", b"terminal")
    player.receive(encode(contact.seal(1, bytes((wire.REMOVE,)) + bytes(8))), 8)
    assert player.next_event() == ("refused", "a question before the contact is open")
    player.receive(encode(contact.seal(2, wire.pack_open(HOUSEHOLD, 1))), 8)
    assert player.next_event()[0] == "refused"
    player.receive(encode(contact.seal(1, wire.pack_open(HOUSEHOLD, 1))), 8)
    assert player.next_event()[0] == "asked"


def test_questions_for_nobody_are_a_mistake_of_one_s_own():
    terminal = DockTerminal(TERMINAL, Drawn(1), Members(PLAYER))
    with raises(LocalError):
        terminal.ask(wire.pack_list(0), 5)
    with raises(LocalError):
        terminal.give(b"octets", 5)
    with raises(LocalError):
        terminal.end(1, bytes(32), bytes(16), bytes(16), 5)
    bench = Bench()
    bench.dock()
    with raises(LocalError):
        bench.player.answer(bench.ticket, b"\x00")


def test_another_version_is_told_as_such():
    bench = Bench()
    terminal = bench.terminal
    terminal.poll(5000)
    terminal.receive(encode(bytes((wire.I_AM, 9)) + b"whatever it is"), 5000)
    assert terminal.next_event() == ("turned_away", b"", wire.OLD) and terminal.state == "alone"
    bench.player.receive(encode(bytes((wire.HELLO, 9)) + b"whatever it is"), 5000)
    assert wire.unpack_no(_frame(bench.player)) == wire.REASONS[wire.OLD]


def test_rubbish_and_every_cut_of_a_message_raise_nothing():
    bench = Bench()
    bench.dock()
    good = [
        wire.pack_greeting(wire.HELLO, b"terminal", bytes(16)),
        wire.pack_greeting(wire.I_AM, b"player 1", bytes(16)),
        wire.pack_proof(wire.PROOF, bytes(16)),
        wire.pack_proof(wire.PROVEN, bytes(16)),
        wire.pack_piece(7, b"octets"),
        wire.pack_wanted(9),
        wire.pack_no(wire.NO, 1),
        bytes((wire.ASK,)) + bytes(20),
        bytes((wire.ANSWER,)) + bytes(20),
        bytes((wire.WORKING, 0)),
        b"\x77whatever",
    ]
    for message in good:
        for end in range(1, len(message) + 2):
            octets = encode((message + b"\0")[:end])
            bench.terminal.receive(octets, bench.now_ms)
            bench.player.receive(octets, bench.now_ms)
            while bench.terminal.next_event() or bench.player.next_event():
                pass
            bench.terminal.data_to_send()
            bench.player.data_to_send()
    assert bench.terminal.refused > 20 and bench.player.refused > 20


def _frame(end):
    """The payload of the frame that it sends."""
    from settop.link.hdlc import Deframer

    return Deframer().feed(end.data_to_send())[-1]
