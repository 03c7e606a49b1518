"""Writes h2_conversation.txt: what two peers that are not ours say to each other over HTTP/2.

    python3 -m venv venv && venv/bin/pip install h2==4.4.1 hpack==4.2.0
    venv/bin/python h2_conversation.py > h2_conversation.txt
"""

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived
from h2.settings import SettingCodes

client = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
origin = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
print("# A conversation of Python h2 4.4.1 with itself, written by h2_conversation.py beside this file: who sends, in hex.")


def flush():
    for name, sender, receiver in (("client", client, origin), ("origin", origin, client)):
        data = sender.data_to_send()
        if data:
            print(name, data.hex())
            for event in receiver.receive_data(data):
                if isinstance(event, DataReceived):
                    receiver.acknowledge_received_data(event.flow_controlled_length, event.stream_id)


def settle():
    for _ in range(4):
        flush()


client.initiate_connection()
origin.initiate_connection()
settle()
origin.update_settings({SettingCodes.HEADER_TABLE_SIZE: 16384, SettingCodes.ENABLE_CONNECT_PROTOCOL: 1})
client.update_settings({SettingCodes.HEADER_TABLE_SIZE: 128})
settle()
for number in range(4):
    stream = client.get_next_available_stream_id()
    client.send_headers(stream, [(":method", "POST"), (":scheme", "https"), (":authority", "api.test"),
                                 (":path", f"/v1/messages?n={number}"), ("authorization", "Bearer s3cret"),
                                 ("content-type", "application/json"), ("x-long", "v" * 200)])
    client.send_data(stream, b'{"model":', pad_length=7)
    flush()
    client.send_data(stream, b'"m"}', end_stream=number % 2 == 0)
    if number % 2:
        client.send_headers(stream, [("x-sum", "1")], end_stream=True)
    settle()
    origin.send_headers(stream, [(":status", "100")])
    origin.send_headers(stream, [(":status", "200"), ("content-type", "text/event-stream"),
                                 ("request-id", f"req_{number}"), ("x-same", "s" * 90)])
    flush()
    for piece in (b"one,", b"two"):
        origin.send_data(stream, piece)
        flush()
    if number == 2:
        client.reset_stream(stream, 8)
    else:
        origin.send_headers(stream, [("grpc-status", "0")], end_stream=True)
    settle()
origin.close_connection()
flush()
