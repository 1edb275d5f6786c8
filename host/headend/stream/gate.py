"""The streaming server's gate: what lets a viewer in is a token that Tokens takes for good."""

from headend.media.access import Pass
from headend.stream.tokens import Tokens


class TokenGate:
    """As headend.media.access.Gate has it."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def admit(self, title: str, sealed: bytes, user: str, unix_ms: int) -> Pass:
        """Raises RemoteError, with one text and after the same work, for whatever is wrong."""
        grant = self._tokens.check(sealed, title, user, unix_ms)
        return Pass(user, grant.expires_ms, grant.secret)
