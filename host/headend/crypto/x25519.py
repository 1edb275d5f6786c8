"""X25519 (RFC 7748) at the head-end, over pycryptodome."""

import hmac

from Crypto.Protocol.DH import import_x25519_public_key, key_agreement
from Crypto.PublicKey import ECC
from settop.errors import RemoteError


def public_key(seed: bytes) -> bytes:
    """The public key (32 bytes) of 32 secret bytes."""
    public: bytes = ECC.construct(curve="Curve25519", seed=seed).public_key().export_key(format="raw")
    return public


def x25519_shared(seed: bytes, peer_public: bytes) -> bytes:
    """The shared secret of our 32 secret bytes and a peer's key. Raises RemoteError where the result is all zero."""
    private = ECC.construct(curve="Curve25519", seed=seed)
    try:
        peer = import_x25519_public_key(peer_public)
        shared = key_agreement(static_priv=private, static_pub=peer, kdf=lambda z: z)
    except ValueError:
        raise RemoteError("unusable X25519 public key") from None
    assert isinstance(shared, bytes)
    if hmac.compare_digest(shared, bytes(len(shared))):
        raise RemoteError("unusable X25519 public key")
    return shared


def x25519_answer(seed: bytes, peer_public: bytes) -> tuple[bytes, bytes]:
    """(our public key, shared secret) for a peer's X25519 key. Raises RemoteError where the result is all zero."""
    shared = x25519_shared(seed, peer_public)
    return public_key(seed), shared
