"""Processes that want the same of a shop at the same instant, and one that is killed while it works."""

import multiprocessing
import os
import random
import signal

from headend.shop.refusals import Refused
from sqlalchemy import event

from tests.helpers.shop import NOW, PASSWORD, open_shop

SPAWN, FORK = multiprocessing.get_context("spawn"), multiprocessing.get_context("fork")
TOGETHER_S = 60


def attempt(url, start, answers, method, arguments, opening):
    shop = opening(url)
    start.wait(TOGETHER_S)
    try:
        answers.put(("done", getattr(shop, method)(*arguments)))
    except Refused as refusal:
        answers.put(("refused", refusal.code))


def race(url, *calls, opening=open_shop):
    """What each of the calls (method, arguments) came to, each in a process of its own, all at once. opening: makes of
    the URL what has the methods.
    """
    start, answers = SPAWN.Barrier(len(calls)), SPAWN.Queue()
    workers = [SPAWN.Process(target=attempt, args=(url, start, answers, name, rest, opening)) for name, *rest in calls]
    for worker in workers:
        worker.start()
    found = [answers.get(timeout=TOGETHER_S) for _ in workers]
    for worker in workers:
        worker.join(TOGETHER_S)
    assert [worker.exitcode for worker in workers] == [0] * len(workers)
    return found


def done(found):
    return [answer for outcome, answer in found if outcome == "done"]


def refusals_of(found):
    return sorted(answer for outcome, answer in found if outcome == "refused")


# --- a process that dies in the midst of one ------------------------------------------------------------------------


def die_in(url, place, method, arguments, opening):
    shop = opening(url)
    left = place

    def statement(*_):
        nonlocal left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in ("before_cursor_execute", "after_cursor_execute", "commit"):
        event.listen(shop.engine, name, statement)
    getattr(shop, method)(*arguments)
    statement()  # it is done, and nobody has heard of it


def dies_in(url, place, method, *arguments, opening=open_shop):
    """Does it in a process of its own, which is killed at that place: before and behind each statement, at the commit,
    or when all is done (counted from 1). False: there is no such place.
    """
    worker = FORK.Process(target=die_in, args=(url, place, method, arguments, opening))
    worker.start()
    worker.join(TOGETHER_S)
    assert worker.exitcode in (0, -signal.SIGKILL)
    return worker.exitcode != 0


# --- random operations, cut off by a kill ---------------------------------------------------------------------------


class Business:
    """Random operations of a few users on a few titles; `say` hears of each transaction that is known to be booked."""

    def __init__(self, shop, users, titles, groups, cards, notices, seed, say):
        self.shop, self.users, self.titles, self.groups = shop, users, titles, groups
        self.cards, self.notices, self.random, self.say = cards, notices, random.Random(seed), say

    def step(self):
        user, title = self.random.choice(self.users), self.random.choice(self.titles)
        action = self.random.choice(("buy", "buy", "buy", "refund", "card", "notice", "join", "leave", "client"))
        try:
            getattr(self, action)(user, title)
        except Refused:
            pass

    def buy(self, user, title):
        self.say(self.shop.buy(user, title, NOW)[0].transaction)

    def refund(self, user, title):
        self.shop.refund(user, title, NOW)

    def card(self, user, title):
        # A day later each time, so that nobody is slowed down: what is tried here is who is first.
        self.shop.redeem(self.random.choice(self.cards), NOW + self.random.randrange(1 << 40), user)

    def notice(self, user, title):
        self.say(self.shop.accept_notice(self.random.choice(self.notices), NOW)[0])

    def join(self, user, title):
        self.shop.join(user, self.random.choice(self.groups), NOW)

    def leave(self, user, title):
        self.shop.leave(user, self.random.choice(self.groups))

    def client(self, user, title):
        client = self.shop.register_client(NOW).client_id
        self.shop.renew_client(client)
        self.shop.sign_in(f"user{user}", PASSWORD, NOW + self.random.randrange(1 << 40), client)


def work_until_killed(url, stock, operations, seed, said):
    """So many operations, and in the next ones SIGKILL at some statement or commit."""
    shop = open_shop(url)
    pipe = os.fdopen(said, "w")

    def say(transaction_id):
        pipe.write(f"{transaction_id}\n")
        pipe.flush()

    business = Business(shop, *stock, seed, say)
    for _ in range(operations):
        business.step()
    left = random.Random(seed).randrange(1, 30)

    def statement(*_):
        nonlocal left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in ("before_cursor_execute", "after_cursor_execute", "commit"):
        event.listen(shop.engine, name, statement)
    while True:
        business.step()


def do_business(stall, url, rounds, operations=100, processes=2, seed=1):
    """rounds times: processes do so many operations together and are killed; then the books must be right.

    Returns how many operations were done at least.
    """
    groups = [stall.group("Jazz", 5), stall.group("Folk")]
    titles = [stall.title(f"Song {n}", price, group) for n, (price, group) in enumerate(
        [(0, None), (1, None), (3, groups[0]), (10, groups[1]), (25, groups[0])])]  # fmt: skip
    users = [stall.user(20) for _ in range(5)]
    till = stall.seller()
    known = set()
    for number in range(rounds):
        cards = [stall.new_card(7, NOW) for _ in range(10)]
        notices = [till.sell(stall.order_units(user, 9, NOW), 9, NOW) for user in users]
        stock = (users, titles, groups, cards, notices)
        stall.engine.dispose()
        workers, ends = [], []
        for worker in range(processes):
            ours, theirs = os.pipe()
            share = operations // processes
            arguments = (url, stock, share, seed * 1_000_000 + number * processes + worker, theirs)
            workers.append(FORK.Process(target=work_until_killed, args=arguments))
            workers[-1].start()
            os.close(theirs)
            ends.append(ours)
        for end in ends:
            with os.fdopen(end) as lines:
                known.update(int(line) for line in lines.read().splitlines())
        for worker in workers:
            worker.join(TOGETHER_S)
            assert worker.exitcode == -signal.SIGKILL
        assert stall.audit() == []
        booked = {one.transaction for user in users for one in stall.transactions(user)}
        assert known <= booked  # what was answered stays
    assert all(stall.balance(user) >= 0 for user in users)
    return rounds * operations
