"""Alarms: what the operator should look at. They are written down with what caused them, in its transaction."""

from sqlalchemy import Connection, insert

from headend.callcentre.models import Alarm

KIND_CHARACTERS, TEXT_CHARACTERS = 32, 200


def add_alarm(connection: Connection, subscriber_id: int, at_ms: int, kind: str, text: str) -> None:
    """Writes an alarm down: `at_ms` in Unix ms, `kind` one word ("clone"), `text` a line for a person, without secrets.

    What is too long is cut: an alarm is not lost for its length.
    """
    row = {"subscriber_id": subscriber_id, "at_ms": at_ms, "kind": kind[:KIND_CHARACTERS]}
    connection.execute(insert(Alarm).values(text=text[:TEXT_CHARACTERS], **row))
