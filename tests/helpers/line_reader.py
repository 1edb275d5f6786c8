"""Reads a recorded call with the device key in hand: which message crossed the line when, and what it said."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from Crypto.Cipher import AES
from Crypto.Hash import SHA256
from Crypto.Protocol.KDF import HKDF
from settop.link.hdlc import Deframer
from settop.wire import call as wire
from settop.wire import sealed as sealing


@dataclass(frozen=True)
class Message:
    """`body` is the plaintext of a sealed message, or everything behind the type of an open one."""

    at_ms: int
    kind: int
    body: bytes

    @property
    def portion(self) -> int:
        return int(wire.unpack_key(self.body)[2])


@dataclass(frozen=True)
class RecordedCall:
    """One call, oldest message first. `secrets`: its keys for both directions and the one of the proof."""

    messages: tuple[Message, ...]
    secrets: tuple[bytes, ...]

    def of(self, kind: int) -> list[Message]:
        return [message for message in self.messages if message.kind == kind]


def frames(log: Iterable[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """(ms at which it was complete, payload) of every frame."""
    deframer = Deframer()
    return [(at_ms, payload) for at_ms, data in log for payload in deframer.feed(data)]


def recorded_calls(
    up: Iterable[tuple[int, bytes]], down: Iterable[tuple[int, bytes]], device_key: bytes
) -> list[RecordedCall]:
    """The calls between a terminal (octets `up`) and a centre (`down`), suite 0."""
    both = sorted(
        [(at_ms, 0, payload) for at_ms, payload in frames(up)]
        + [(at_ms, 1, payload) for at_ms, payload in frames(down)],
        key=lambda entry: entry[0],
    )
    calls: list[tuple[list[Message], tuple[bytes, ...]]] = []
    hello = b""
    keys: dict[int, tuple[bytes, bytes]] = {}
    for at_ms, way, payload in both:
        if payload[0] == wire.HELLO:
            if payload != hello:
                calls.append(([], ()))
            hello = payload
        elif payload[0] == wire.CHALLENGE:
            transcript = hashlib.sha256(wire.LABELS[0] + hello + payload[: -wire.PROOF_BYTES]).digest()
            okm = HKDF(device_key, sealing.KEYS_BYTES, transcript, SHA256, context=wire.LABELS[1])
            proof, down_key, up_key, down_salt, up_salt = sealing.split_keys(okm)
            keys = {0: (up_key, up_salt), 1: (down_key, down_salt)}
            calls[-1] = (calls[-1][0], (proof, down_key, up_key))
        else:
            kind, counter = wire.check_sealed(payload), sealing.counter_of(payload)
            sealed = payload[sealing.HEADER_BYTES :]
            key, salt = keys[way]
            cipher = AES.new(key, AES.MODE_CCM, nonce=sealing.nonce_of(salt, counter), mac_len=wire.TAG_BYTES)
            cipher.update(payload[: sealing.HEADER_BYTES])
            body = cipher.decrypt_and_verify(sealed[: -wire.TAG_BYTES], sealed[-wire.TAG_BYTES :])
            calls[-1][0].append(Message(at_ms, kind, body))
            continue
        calls[-1][0].append(Message(at_ms, payload[0], payload[1:]))
    return [RecordedCall(tuple(messages), secrets) for messages, secrets in calls]
