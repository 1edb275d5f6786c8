"""What the service of titles opens them with: keys by key id, for good or by a right with an end (terms.py)."""

from settop.crypto.wipe import wipe
from settop.errors import RemoteError

_WHO = "titles"


class Keys:
    """`dark`: the title needs a key that is not here, or whose right does not hold. `now_ms`: of this turn."""

    def __init__(self, terminal):
        self.dark = False
        self.now_ms = 0
        self.find = self._find  # one bound method, for every reader
        self._terminal = terminal
        self._terms = None  # once there was a right with an end

    def licences(self):
        from settop.services.titles.licences import Licences

        return Licences(self._terminal.records(_WHO))

    def keep(self, kid, key, terms=None):
        """For who sells titles: the key of that id, which stays the caller's to wipe. Raises as Licences.keep."""
        self.licences().keep(kid, key, terms)

    def key(self, kid):
        """For who transfers titles: the key of that id, for the caller to wipe, or None; none by a right with an end.
        Raises as Licences.key."""
        return self.licences().key(kid)

    def learn_time(self, unix_ms, now_ms, needed=False):
        """Somebody authenticated says that it is so late. needed: a right with an end comes; else it counts where
        there was one. Raises as the keystore."""
        if needed or self._terms is not None or self._terminal.records(_WHO).load("clock") is not None:
            self._known_terms().clock.learn(unix_ms, now_ms)

    def standing(self, kid, now_ms):
        """What right there is to a title under that key id, for people; nothing begins by it. Raises as
        Licences.key."""
        found = []

        def look(name, data):
            from settop.services.titles.terms import in_words

            found.append(in_words(data, self._known_terms().clock, now_ms))

        key = self.licences().key(kid, look)
        if key is not None:
            wipe(key)
            return "own"
        return found[0] if found else "no key here"

    def over(self, now_ms):
        """Why what plays may not any more, or ""."""
        if self._terms is None or not self._terms.over(now_ms):
            return ""
        self.dark = True
        return self._terms.why

    def release(self):
        """Nothing plays any more."""
        if self._terms is not None:
            self._terms.held = False

    def _find(self, kid):
        try:
            key = self.licences().key(kid, self._use)
        except OSError as error:
            raise RemoteError("the key cannot be read: %s" % error)
        self.dark = key is None
        return key

    def _use(self, name, data):
        self.dark = True  # where the right does not hold
        return self._known_terms().use(name, data, self.now_ms)

    def _known_terms(self):
        if self._terms is None:
            from settop.services.titles.terms import Terms

            self._terms = Terms(self._terminal.records(_WHO))
        return self._terms
