"""Multicast groups (RFC 2236): what a host is a member of and says of it, and what a router knows of one link."""

import random
from collections.abc import Callable

from settop.errors import LocalError, RemoteError

from testbed.network.addresses import ALL_ROUTERS, ALL_SYSTEMS, ANY, is_group
from testbed.network.formats import igmp

NS_PER_S = 1_000_000_000
UNSOLICITED_NS = 10 * NS_PER_S
"""Within this time a join is said once more (8.10)."""
QUERY_NS = 125 * NS_PER_S
ANSWER_TENTHS = 100
LAST_ANSWER_TENTHS = 10
ROBUSTNESS = 2
MAX_GROUPS = 256
"""Of one link."""
MEMBER_NS = ROBUSTNESS * QUERY_NS + ANSWER_TENTHS * NS_PER_S // 10

Say = Callable[[bytes, igmp.Message], None]
"""Takes the address that a message goes to, and the message."""


class Memberships:
    """A host's end: reports when it joins and when it is asked, says when it leaves.

    Joins may be repeated; as many leaves end them.
    """

    def __init__(self, say: Say, seed: str) -> None:
        self._say = say
        self._random = random.Random(f"igmp {seed}")
        self._joined: dict[bytes, int] = {}
        self._news: list[bytes] = []
        self._gone: list[bytes] = []
        self._due: dict[bytes, int] = {}

    def __contains__(self, group: bytes) -> bool:
        return group == ALL_SYSTEMS or group in self._joined

    @property
    def groups(self) -> frozenset[bytes]:
        return frozenset(self._joined)

    def join(self, group: bytes) -> None:
        """LocalError: no multicast group."""
        if not is_group(group):
            raise LocalError("joined an address that is no multicast group")
        self._joined[group] = self._joined.get(group, 0) + 1
        if self._joined[group] == 1 and group != ALL_SYSTEMS:
            self._news.append(group)

    def leave(self, group: bytes) -> None:
        """Nothing if it was not joined."""
        if self._joined.get(group, 0) > 1:
            self._joined[group] -= 1
        elif self._joined.pop(group, None) is not None and group != ALL_SYSTEMS:
            self._due.pop(group, None)
            if group in self._news:
                self._news.remove(group)
            else:
                self._gone.append(group)

    def forget(self) -> None:
        """The link that they were of is gone, and nothing is said of it."""
        self._joined.clear()
        self._due.clear()
        self._news, self._gone = [], []

    def receive(self, message: igmp.Message, now_ns: int) -> None:
        """A router asks; each answer takes some time of its own, within what it allows."""
        if message.kind != igmp.QUERY:
            return
        most_ns = max(1, message.response or ANSWER_TENTHS) * NS_PER_S // 10
        for group in self._joined:
            if group != ALL_SYSTEMS and message.group in (ANY, group):
                at_ns = now_ns + self._random.randrange(most_ns)
                self._due[group] = min(at_ns, self._due.get(group, at_ns))

    def advance(self, now_ns: int) -> None:
        """Say what is due."""
        for group in self._gone:
            self._say(ALL_ROUTERS, igmp.Message(igmp.LEAVE, group))
        for group in self._news:
            self._say(group, igmp.Message(igmp.REPORT, group))
            self._due[group] = now_ns + self._random.randrange(UNSOLICITED_NS)
        self._gone, self._news = [], []
        for group, at_ns in list(self._due.items()):
            if at_ns <= now_ns:
                del self._due[group]
                self._say(group, igmp.Message(igmp.REPORT, group))

    def due_ns(self) -> int | None:
        """When `advance` has something to do; joins and leaves are for the next one."""
        return min(self._due.values(), default=None)


class Listeners:
    """A router's end on one link: `groups` that somebody there listens to.

    It asks in general only while there is a member, so that a link without one is silent, and once when it hears
    version 3: whoever speaks it falls back to ours then (RFC 3376, 7.2.1). A group that somebody has left is forgotten
    when nobody answers two questions about it.
    """

    def __init__(self, say: Say) -> None:
        self._say = say
        self._until: dict[bytes, int] = {}
        self._leaving: dict[bytes, tuple[int, int]] = {}  # when the next question is due, and how many are left
        self._query_due_ns: int | None = None
        self._fell_back_ns = -QUERY_NS

    @property
    def groups(self) -> frozenset[bytes]:
        return frozenset(self._until)

    def receive(self, message: igmp.Message, now_ns: int) -> None:
        """What a host says. RemoteError: it listens to too much."""
        group = message.group
        if not is_group(group) or group[:3] == ALL_SYSTEMS[:3]:
            return  # those of the link itself are nobody's to join
        if message.kind in (igmp.REPORT, igmp.REPORT_1):
            if group not in self._until and len(self._until) >= MAX_GROUPS:
                raise RemoteError("more groups than a link may have")
            self._until[group] = now_ns + MEMBER_NS
            self._leaving.pop(group, None)
            if self._query_due_ns is None:
                self._query_due_ns = now_ns + QUERY_NS
        elif message.kind == igmp.LEAVE and group in self._until and group not in self._leaving:
            self._leaving[group] = (now_ns, ROBUSTNESS)
            self._until[group] = now_ns + ROBUSTNESS * LAST_ANSWER_TENTHS * NS_PER_S // 10

    def version_3(self, now_ns: int) -> None:
        """Somebody speaks it."""
        if now_ns - self._fell_back_ns >= QUERY_NS:
            self._fell_back_ns = self._query_due_ns = now_ns

    def forget(self) -> None:
        """The link is gone."""
        self._until.clear()
        self._leaving.clear()
        self._query_due_ns = None

    def advance(self, now_ns: int) -> None:
        """Ask, and forget who does not answer."""
        for group, until_ns in list(self._until.items()):
            if until_ns <= now_ns:
                del self._until[group]
                self._leaving.pop(group, None)
        for group, (at_ns, left) in list(self._leaving.items()):
            if at_ns <= now_ns and left:
                self._leaving[group] = (at_ns + LAST_ANSWER_TENTHS * NS_PER_S // 10, left - 1)
                self._say(group, igmp.Message(igmp.QUERY, group, LAST_ANSWER_TENTHS))
        if self._query_due_ns is not None and self._query_due_ns <= now_ns:
            fell_back = self._fell_back_ns == self._query_due_ns
            self._query_due_ns = now_ns + QUERY_NS if self._until else None
            if self._until or fell_back:
                soon = LAST_ANSWER_TENTHS if fell_back else ANSWER_TENTHS
                self._say(ALL_SYSTEMS, igmp.Message(igmp.QUERY, ANY, soon))

    def due_ns(self) -> int | None:
        """When `advance` has something to do; None for never."""
        times = list(self._until.values()) + [at_ns for at_ns, left in self._leaving.values() if left]
        if self._query_due_ns is not None:
            times.append(self._query_due_ns)
        return min(times, default=None)
