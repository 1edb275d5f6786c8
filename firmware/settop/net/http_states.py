"""The client's side of HTTP/1.1 on one connection as data: every transition that exists, and no other.

States
    idle       a request may be made
    waiting    one is made; no octet of its answer has come
    head       within the head of the answer
    body       within a body of known length
    size       within the line before a chunk
    chunk      within a chunk
    chunk_end  within the line end behind it
    trailers   behind the last chunk
    rest       within a body that ends with the connection
    closed     nothing more can be asked here

`docs/protocols/network.md` is checked against this table by a test.
"""

IDLE = "idle"
WAITING = "waiting"
HEAD = "head"
BODY = "body"
SIZE = "size"
CHUNK = "chunk"
CHUNK_END = "chunk_end"
TRAILERS = "trailers"
REST = "rest"
CLOSED = "closed"

# (state, event, next state)
TABLE = (
    ("idle", "request", "waiting"),
    ("idle", "broken", "closed"),
    ("idle", "end", "closed"),
    ("waiting", "answer", "head"),
    ("waiting", "end", "closed"),
    ("waiting", "timeout", "closed"),
    ("head", "interim", "waiting"),
    ("head", "length", "body"),
    ("head", "chunked", "size"),
    ("head", "open", "rest"),
    ("head", "done", "idle"),
    ("head", "last", "closed"),
    ("head", "broken", "closed"),
    ("head", "end", "closed"),
    ("head", "timeout", "closed"),
    ("body", "done", "idle"),
    ("body", "last", "closed"),
    ("body", "end", "closed"),
    ("body", "timeout", "closed"),
    ("size", "chunk", "chunk"),
    ("size", "trailers", "trailers"),
    ("size", "broken", "closed"),
    ("size", "end", "closed"),
    ("size", "timeout", "closed"),
    ("chunk", "chunk_end", "chunk_end"),
    ("chunk", "end", "closed"),
    ("chunk", "timeout", "closed"),
    ("chunk_end", "size", "size"),
    ("chunk_end", "broken", "closed"),
    ("chunk_end", "end", "closed"),
    ("chunk_end", "timeout", "closed"),
    ("trailers", "done", "idle"),
    ("trailers", "last", "closed"),
    ("trailers", "broken", "closed"),
    ("trailers", "end", "closed"),
    ("trailers", "timeout", "closed"),
    ("rest", "last", "closed"),
    ("rest", "end", "closed"),
    ("rest", "broken", "closed"),
    ("rest", "timeout", "closed"),
)

# States in which octets are those of a body
BODY_STATES = ("body", "chunk", "rest")
