"""Writes hpack_vectors.txt: header blocks by an encoder that is not ours.

    python3 -m venv venv && venv/bin/pip install hpack==4.2.0
    venv/bin/python hpack_vectors.py > hpack_vectors.txt
"""

import random

from hpack import Encoder, HeaderTuple, NeverIndexedHeaderTuple

random.seed(7541)
NAMES = [b":method", b":path", b":authority", b":status", b"content-type", b"content-length", b"authorization",
         b"user-agent", b"x-request-id", b"cookie", b"set-cookie", b"date", b"x-a", b"x-b", b"retry-after"]
VALUES = [b"GET", b"POST", b"200", b"/", b"/v1/messages", b"application/json", b"text/event-stream", b"api.test", b""]


def value():
    kind = random.random()
    if kind < 0.5:
        return random.choice(VALUES)
    if kind < 0.9:
        return bytes(random.choice(b"abcdefghijklmnopqrstuvwxyz0123456789-_=/") for _ in range(random.randrange(1, 40)))
    return bytes(random.randrange(256) for _ in range(random.randrange(1, 30)))


print("# Header blocks by Python hpack 4.2.0, written by hpack_vectors.py beside this file.")
print("# `connection`: a new pair of tables. `announce N`: the reader allows a table of N bytes, the writer uses it from")
print("# the next block on. `block HEX`, then one `field NAME VALUE` (hex) for each field of it.")
for _ in range(24):
    encoder = Encoder()
    size = 4096
    print("connection")
    for _ in range(16):
        if random.random() < 0.25:
            new = random.choice([n for n in (0, 60, 256, 1000, 4096, 16384, 65536) if n != size])
            size = encoder.header_table_size = new
            print("announce", new)
        fields = []
        for _ in range(random.randrange(1, 9)):
            kind = NeverIndexedHeaderTuple if random.random() < 0.15 else HeaderTuple
            fields.append(kind(random.choice(NAMES), value()))
        print("block", encoder.encode(fields, huffman=random.random() < 0.7).hex())
        for name, text in fields:
            print("field", name.hex(), text.hex() or "-")
