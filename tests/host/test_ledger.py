"""What a call costs: every portion once, whatever calls, processes and faults come between."""

import multiprocessing
import random
import sys

import pytest
from headend.accounts.engine import open_database
from headend.accounts.master_key import MasterKey
from headend.accounts.models import Account, Terminal
from headend.callcentre.ledger import DELIVERIES_LIMIT, WITHDRAWALS_LIMIT, Superseded
from headend.callcentre.models import Alarm, Charge, Delivery
from headend.callcentre.restored import settle_restored
from headend.callcentre.revoking import REVOKED
from headend.callcentre.store_ledger import StoreLedger
from headend.callcentre.subscribers import (
    account_of,
    add_subscriber,
    credit_left,
    set_clone_rule,
    set_credit,
    set_tariff,
)
from headend.callcentre.tokens import CLONE_TEXT
from settop.errors import LocalError
from settop.wire import call as wire
from sqlalchemy import func, select, update

MASTER = MasterKey(b"\x5a" * 32)
TERMINAL = bytes(range(8))
BROADCAST = b"run no.1"
SUPERSEDED_STATUS = 3
TOKENS = [bytes(8), *(b"token %02d" % number for number in range(1, 9))]


def new_database():
    """URL of an empty database; the PostgreSQL judge puts its own in this place."""
    return "sqlite://"


class Centre:
    """A ledger with one subscriber."""

    def __init__(self, url=None, credit=None, portion_price=25, set_up_price=100):
        self.engine = open_database(url or new_database())
        set_tariff(self.engine, "evening", portion_price, set_up_price)
        self.number = add_subscriber(self.engine, MASTER, TERMINAL, bytes(32), "evening", credit=credit)
        self.ledger = StoreLedger(self.engine, MASTER)
        self.subscriber = self.ledger.find(TERMINAL)

    def call(self, broadcast_id=BROADCAST, programme_id=1, now_ms=0):
        return self.ledger.open_call(self.subscriber, programme_id, broadcast_id, now_ms)

    def begin(self, shown, fresh, now_ms=0, max_price=None):
        """A call that shows one of TOKENS and is given another."""
        return self.ledger.begin_call(
            self.subscriber, 1, BROADCAST, now_ms, TOKENS[shown], TOKENS[fresh], max_price=max_price
        )

    def alarms(self):
        with self.engine.begin() as connection:
            return connection.execute(select(Alarm.at_ms, Alarm.kind).order_by(Alarm.alarm_id)).all()

    def bill(self):
        with self.engine.begin() as connection:
            return connection.scalar(select(func.sum(Charge.price))) or 0

    def charged(self):
        mine = Account.account_id == account_of(self.engine, self.number)
        with self.engine.begin() as connection:
            return connection.scalar(select(Account.charged).where(mine))


def test_record_tells_the_whole_call():
    centre = Centre()
    call = centre.call(now_ms=1000)
    for portion in (4, 5, 6):
        assert centre.ledger.deliver(call, portion, 2000 + portion)
    centre.ledger.acknowledge(call, 4, 2100)
    centre.ledger.acknowledge(call, 5, 2200)
    centre.ledger.withdraw_after(call, 5)
    centre.ledger.close_call(call, 9000, "goodbye")
    record = centre.ledger.call_record(call)
    assert (record.started_ms, record.ended_ms, record.reason) == (1000, 9000, "goodbye")
    assert (record.delivered, record.acknowledged, record.withdrawn) == ((4, 5, 6), (4, 5), (6,))
    assert (record.tariff, record.price, record.currency) == ("evening", 150, "EUR")
    assert (record.programme_id, record.broadcast_id) == (1, BROADCAST)
    assert centre.ledger.charged(call) == 2
    assert centre.ledger.calls_of(centre.number) == (call,)


def test_portion_resumed_in_a_later_call_is_charged_once():
    centre = Centre(credit=1000)
    first = centre.call()
    centre.ledger.deliver(first, 0, 1)
    centre.ledger.deliver(first, 1, 2)
    centre.ledger.close_call(first, 3, "line lost")
    second = centre.call()
    for portion in (1, 2):
        assert centre.ledger.deliver(second, portion, 4)
    assert centre.bill() == 100 + 3 * 25
    assert credit_left(centre.engine, centre.number) == 1000 - 175
    assert (centre.ledger.charged(first), centre.ledger.charged(second)) == (2, 1)
    assert centre.ledger.call_record(second).delivered == (1, 2)


def test_same_delivery_twice_changes_nothing():
    centre = Centre(credit=200)
    call = centre.call()
    assert centre.ledger.deliver(call, 0, 1)
    before = centre.ledger.call_record(call)
    assert centre.ledger.deliver(call, 0, 2)
    assert centre.ledger.call_record(call) == before
    assert credit_left(centre.engine, centre.number) == 75


def test_other_broadcast_and_other_programme_are_charged_for_themselves():
    centre = Centre(set_up_price=0)
    for options in ({}, {"broadcast_id": b"run no.2"}, {"programme_id": 2}):
        centre.ledger.deliver(centre.call(**options), 0, 1)
    assert centre.bill() == 75


def test_credit_too_low_keeps_the_key_back_and_takes_nothing():
    centre = Centre(credit=149)
    call = centre.call()
    assert centre.ledger.deliver(call, 0, 1)  # 100 + 25
    assert not centre.ledger.deliver(call, 1, 2)  # 24 left
    assert credit_left(centre.engine, centre.number) == 24
    assert centre.ledger.call_record(call).delivered == (0,)
    assert centre.bill() == 125
    assert centre.ledger.deliver(call, 0, 3)  # paid for already
    set_credit(centre.engine, centre.number, 25)
    assert centre.ledger.deliver(call, 1, 4)
    assert credit_left(centre.engine, centre.number) == 0


def test_free_tariff_needs_no_credit():
    centre = Centre(credit=0, portion_price=0, set_up_price=0)
    assert centre.ledger.deliver(centre.call(), 0, 1)


def test_portion_that_another_call_delivered_stays_charged():
    centre = Centre(credit=1000)
    first = centre.call()
    centre.ledger.deliver(first, 0, 1)
    centre.ledger.deliver(first, 1, 1)
    centre.ledger.close_call(first, 2, "line lost")
    second = centre.call()
    for portion in (0, 1, 2):
        centre.ledger.deliver(second, portion, 3)
    centre.ledger.withdraw_after(second, 0)
    assert centre.ledger.call_record(second).withdrawn == (1, 2)
    assert centre.bill() == 150
    assert credit_left(centre.engine, centre.number) == 850
    # Once the first call's delivery is taken back too, nobody holds that key.
    centre.ledger.withdraw_after(first, 0)
    assert (centre.bill(), credit_left(centre.engine, centre.number)) == (125, 875)


def test_at_most_eight_portions_of_a_broadcast_are_given_back_over_all_calls():
    centre = Centre(credit=1000, portion_price=10, set_up_price=0)
    for portion in range(0, 20, 2):
        call = centre.call()
        for ahead in (portion, portion + 1):
            centre.ledger.deliver(call, ahead, 1)
        centre.ledger.withdraw_after(call, portion)
    assert WITHDRAWALS_LIMIT == 8
    assert centre.bill() == 10 * (20 - 8)
    assert centre.ledger.call_record(call).withdrawn == ()
    assert credit_left(centre.engine, centre.number) == 1000 - 120
    other = centre.call(b"run no.2")
    centre.ledger.deliver(other, 0, 1)
    centre.ledger.withdraw_after(other, -1)
    assert centre.bill() == 120


def test_one_goodbye_gives_back_eight_portions_the_last_ones_first():
    centre = Centre(portion_price=10, set_up_price=0)
    call = centre.call()
    for portion in range(12):
        centre.ledger.deliver(call, portion, 1)
    centre.ledger.withdraw_after(call, 1)
    assert centre.ledger.call_record(call).withdrawn == tuple(range(4, 12))


def test_portion_given_back_and_paid_later_counts_no_more():
    centre = Centre(portion_price=10, set_up_price=0)
    for portion in range(20):
        call = centre.call()
        for ahead in (portion, portion + 1):
            centre.ledger.deliver(call, ahead, 1)
        centre.ledger.withdraw_after(call, portion)
    assert centre.bill() == 200
    assert centre.ledger.call_record(call).withdrawn == (20,)


def test_new_call_ends_the_subscribers_older_ones():
    centre = Centre()
    first = centre.call(now_ms=1)
    centre.ledger.deliver(first, 0, 2)
    second = centre.call(b"run no.2", now_ms=5)
    record = centre.ledger.call_record(first)
    assert (record.ended_ms, record.reason) == (5, "superseded by another call")
    with pytest.raises(Superseded, match="superseded by another call"):
        centre.ledger.deliver(first, 1, 6)
    assert centre.ledger.call_record(first).delivered == (0,)
    assert not centre.ledger.close_call(first, 7, "goodbye")
    assert centre.ledger.deliver(second, 0, 8)
    assert centre.ledger.close_call(second, 9, "goodbye")


def test_new_call_leaves_other_subscribers_alone():
    centre = Centre()
    first = centre.call()
    add_subscriber(centre.engine, MASTER, bytes(8), bytes(32), "evening")
    centre.ledger.open_call(centre.ledger.find(bytes(8)), 1, BROADCAST, 1)
    assert centre.ledger.deliver(first, 0, 2)


def test_new_call_in_another_process_ends_the_older_one(tmp_path):
    url = str(tmp_path / "centre.db")
    centre = Centre(url)
    first = centre.call()
    other = StoreLedger(open_database(url), MASTER)
    second = other.open_call(other.find(TERMINAL), 1, BROADCAST, 1)
    with pytest.raises(Superseded):
        centre.ledger.deliver(first, 0, 2)
    assert other.deliver(second, 0, 3)


def test_second_goodbye_does_not_refund_what_a_later_call_paid():
    centre = Centre(credit=1000)
    first = centre.call()
    for portion in (0, 1):
        centre.ledger.deliver(first, portion, 1)
    centre.ledger.withdraw_after(first, 0)
    second = centre.call()
    centre.ledger.deliver(second, 1, 2)
    centre.ledger.withdraw_after(first, 0)
    assert centre.bill() == 150
    assert credit_left(centre.engine, centre.number) == 850


def test_token_is_outdated_once_the_next_one_is_shown_or_said_to_be_stored():
    centre = Centre()
    assert not centre.begin(0, 1).unfinished
    assert centre.begin(0, 2).unfinished  # the first one never arrived
    assert not centre.begin(2, 3).unfinished
    fourth = centre.begin(2, 4)
    assert fourth.unfinished
    centre.ledger.keep_token(fourth.record, TOKENS[1])  # not the pending one
    centre.ledger.keep_token(fourth.record, TOKENS[4])
    assert centre.alarms() == []
    opening = centre.begin(2, 5, 77)
    assert (opening.alarm, opening.unfinished, opening.denied) == (CLONE_TEXT, False, 0)
    assert centre.alarms() == [(77, "clone")]
    assert centre.ledger.call_record(opening.record).alarms == (CLONE_TEXT,)
    assert centre.begin(4, 6).alarm == ""  # the copy has not stored its token


def test_late_acknowledgement_of_a_token_keeps_no_other_calls_token():
    centre = Centre()
    first = centre.begin(0, 1)
    second, third = centre.begin(0, 2), centre.begin(0, 3)
    assert (second.token, third.token) == (TOKENS[2], TOKENS[2])  # the first one may be stored: both stay
    for record in (first.record, second.record):
        for token in TOKENS[1:3]:
            with pytest.raises(Superseded):
                centre.ledger.keep_token(record, token)
    assert centre.begin(0, 4).unfinished and centre.alarms() == []
    centre.ledger.close_call(centre.begin(0, 5).record, 9, "line lost")
    assert centre.begin(2, 6).alarm == ""


def test_denied_call_rolls_no_token_and_ends_no_other():
    centre = Centre()
    first = centre.begin(0, 1).record
    assert centre.begin(1, 2, max_price=24).denied == wire.DENY_TOO_DEAR
    set_clone_rule(centre.engine, centre.number, "deny")
    assert centre.begin(7, 2, 50).denied == wire.DENY_CLONE
    assert centre.ledger.deliver(first, 0, 60)
    assert centre.alarms() == [(50, "clone")]
    assert centre.ledger.call_record(first).alarms == (CLONE_TEXT,)
    assert not centre.begin(1, 3, 70).denied


def test_token_is_looked_at_before_the_price():
    centre = Centre()
    first = centre.begin(0, 1).record
    opening = centre.begin(7, 2, 40, max_price=0)
    assert (opening.record, opening.denied, opening.alarm) == (None, wire.DENY_TOO_DEAR, CLONE_TEXT)
    assert centre.alarms() == [(40, "clone")]
    set_clone_rule(centre.engine, centre.number, "deny")
    assert centre.begin(7, 2, 50, max_price=0).denied == wire.DENY_CLONE
    assert centre.ledger.deliver(first, 0, 60)
    assert centre.begin(1, 3, 70).alarm == "", "no token has rolled"


def test_identity_that_a_copy_has_cost_is_withdrawn_for_good():
    centre = Centre()
    first = centre.begin(0, 1).record
    set_clone_rule(centre.engine, centre.number, "reprovision")
    assert centre.begin(7, 2, 50).denied == wire.DENY_WITHDRAWN
    with pytest.raises(Superseded):
        centre.ledger.deliver(first, 0, 60)
    assert centre.ledger.call_record(first).reason == REVOKED
    # One that had said HELLO before.
    with pytest.raises(Superseded):
        centre.ledger.deliver(centre.begin(1, 3, 70).record, 0, 71)
    assert centre.ledger.find(TERMINAL) is None
    assert centre.alarms() == [(50, "clone")]


def test_forgotten_tokens_are_believed_once():
    centre = Centre()
    centre.ledger.keep_token(centre.begin(0, 1).record, TOKENS[1])
    settle_restored(centre.engine)
    assert [centre.begin(8, 2).alarm, centre.begin(1, 3).alarm] == ["", CLONE_TEXT]


def test_key_leaves_in_so_many_calls_and_in_no_more():
    centre = Centre()
    calls = [centre.call(now_ms=number) for number in range(DELIVERIES_LIMIT)]
    with pytest.raises(Superseded):
        centre.ledger.deliver(calls[0], 3, 0)
    for number in range(DELIVERIES_LIMIT):
        assert centre.ledger.deliver(centre.call(), 3, number)
        centre.ledger.acknowledge(centre.ledger.calls_of(centre.number)[-1], 3, number)
    billed = centre.bill()
    over = centre.call(now_ms=20)
    delivered = centre.ledger.deliver(over, 3, 21)
    assert (delivered.denied, centre.alarms()) == (wire.DENY_TOO_OFTEN, [(21, "redeliveries")])
    assert centre.ledger.call_record(over).alarms == (delivered.alarm,)
    assert centre.ledger.call_record(over).delivered == () and centre.bill() == billed
    assert centre.ledger.deliver(over, 4, 22)
    # Records of one and the same call count once; another broadcast, and another subscriber, for themselves.
    assert centre.ledger.deliver(over, 3, 23, centre.ledger.calls_of(centre.number))
    assert centre.ledger.deliver(centre.call(b"run no.2"), 3, 24)


def test_set_up_goes_back_only_with_the_last_portion():
    centre = Centre(credit=1000)
    call = centre.call()
    centre.ledger.deliver(call, 0, 1)
    centre.ledger.withdraw_after(call, -1)
    assert (centre.bill(), credit_left(centre.engine, centre.number)) == (0, 1000)
    centre.ledger.withdraw_after(call, -1)  # a second goodbye
    assert credit_left(centre.engine, centre.number) == 1000


def test_change_of_tariff_leaves_the_running_call_alone():
    centre = Centre()
    call = centre.call()
    set_tariff(centre.engine, "evening", 9999, 9999, "USD")
    centre.ledger.deliver(call, 0, 1)
    record = centre.ledger.call_record(call)
    assert (record.price, record.currency) == (125, "EUR")


def test_first_acknowledgement_and_first_end_stay():
    centre = Centre()
    call = centre.call()
    centre.ledger.deliver(call, 0, 1)
    centre.ledger.acknowledge(call, 0, 2)
    centre.ledger.acknowledge(call, 0, 3)
    with centre.engine.begin() as connection:
        assert connection.scalar(select(Delivery.acked_ms)) == 2
    centre.ledger.close_call(call, 5, "goodbye")
    centre.ledger.close_call(call, 6, "line lost")
    record = centre.ledger.call_record(call)
    assert (record.ended_ms, record.reason) == (5, "goodbye")


def test_unknown_call_is_a_local_error():
    ledger = Centre().ledger
    for use, values in ((ledger.deliver, (0, 0)), (ledger.call_record, ()), (ledger.withdraw_after, (0,))):
        with pytest.raises(LocalError, match="no call record 99"):
            use(99, *values)


def test_what_a_method_wrote_is_there_for_another_process(tmp_path):
    url = str(tmp_path / "centre.db")
    centre = Centre(url)
    call = centre.call()
    centre.ledger.deliver(call, 3, 1)
    other = StoreLedger(open_database(url), MASTER)
    assert other.call_record(call).delivered == (3,)


def histories(*credits):
    """A centre after each step of eight random histories of deliveries and withdrawals, under one of the credits."""
    for seed in range(8):
        rng = random.Random(seed)
        centre = Centre(credit=rng.choice(credits) if len(credits) > 1 else credits[0])
        calls = [centre.call()]
        for step in range(60):
            if rng.random() < 0.1:
                calls.append(centre.call(rng.choice((BROADCAST, b"run no.2"))))
            if rng.random() < 0.85:
                centre.ledger.deliver(calls[-1], rng.randrange(12), step)
            else:
                centre.ledger.withdraw_after(rng.choice(calls), rng.randrange(-1, 12))
            yield centre


def test_credit_equals_what_was_not_billed_after_any_history():
    for centre in histories(600):
        assert credit_left(centre.engine, centre.number) + centre.bill() == 600


def test_account_knows_what_it_was_charged_after_any_history():
    for centre in histories(None, 600):
        assert centre.charged() == centre.bill()


def test_terminals_of_one_account_draw_on_one_credit():
    centre = Centre(credit=275)
    other = add_subscriber(centre.engine, MASTER, b"terminal", bytes(32), "evening", credit=10_000)
    account = account_of(centre.engine, centre.number)
    with centre.engine.begin() as connection:
        connection.execute(update(Terminal).where(Terminal.terminal_id == b"terminal").values(account_id=account))
    assert centre.ledger.deliver(centre.call(), 0, 1)
    call = centre.ledger.open_call(centre.ledger.find(b"terminal"), 1, BROADCAST, 2)
    assert centre.ledger.deliver(call, 0, 3)  # a key for another terminal is another sale
    assert (credit_left(centre.engine, other), centre.charged()) == (25, 250)
    centre.ledger.withdraw_after(call, -1)
    assert (credit_left(centre.engine, centre.number), centre.charged()) == (150, 125)


def deliver_all(url, portions, start):
    ledger = StoreLedger(open_database(url), MASTER)
    subscriber = ledger.find(TERMINAL)
    start.wait()
    call = ledger.open_call(subscriber, 1, BROADCAST, 0)
    try:
        for portion in range(portions):
            assert ledger.deliver(call, portion, portion)
    except Superseded:
        sys.exit(SUPERSEDED_STATUS)


def test_two_processes_charge_a_portion_once(tmp_path):
    check_two_processes(str(tmp_path / "centre.db"))


def check_two_processes(url):
    """Both call for the same subscriber: the later call goes on, the other one stops or was through already."""
    centre = Centre(url, credit=10_000)
    centre.engine.dispose()
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(2)
    workers = [context.Process(target=deliver_all, args=(url, 40, start)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert sorted(worker.exitcode for worker in workers) in ([0, 0], [0, SUPERSEDED_STATUS])
    assert centre.bill() == 100 + 40 * 25
    assert credit_left(centre.engine, centre.number) == 10_000 - 1100
    records = [centre.ledger.call_record(call) for call in centre.ledger.calls_of(centre.number)]
    assert sum(centre.ledger.charged(record.call) for record in records) == 40
    assert [record.reason for record in records] == ["superseded by another call", None]
    assert records[1].delivered == tuple(range(40))
