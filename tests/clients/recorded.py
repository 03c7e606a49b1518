"""Keeps a copy of the decrypted bytes of every TLS connection of this process, in the folder RECORD_TO names.

Imported first by the SDK scripts. Files: `N.sent` and `N.received`, N by connection.
"""

import os
import ssl

folder = os.environ.get("RECORD_TO")
count = 0


def _file(sock, direction):
    global count
    number = getattr(sock, "_recorded_number", None)
    if number is None:
        number = sock._recorded_number = count
        count += 1
    return os.path.join(folder, f"{number}.{direction}")


def _keep(sock, direction, data):
    if data:
        with open(_file(sock, direction), "ab") as out:
            out.write(data)


def _patch():
    plain_write, plain_read = ssl.SSLSocket.write, ssl.SSLSocket.read
    plain_send, plain_recv = ssl.SSLSocket.send, ssl.SSLSocket.recv

    def send(self, data, flags=0):
        sent = plain_send(self, data, flags)
        _keep(self, "sent", bytes(memoryview(data)[:sent]))
        return sent

    def recv(self, size=1024, flags=0):
        data = plain_recv(self, size, flags)
        _keep(self, "received", data)
        return data

    def recv_into(self, buffer, size=None, flags=0):
        # As the standard library does it, through `read`, which is not recorded.
        size = size or (len(buffer) if buffer is not None else 1024)
        got = plain_read(self, size, buffer)
        _keep(self, "received", bytes(memoryview(buffer)[:got]))
        return got

    def sendall(self, data, flags=0):
        with memoryview(data) as view, view.cast("B") as rest:
            done = 0
            while done < len(rest):
                done += send(self, rest[done:], flags)

    ssl.SSLSocket.send, ssl.SSLSocket.recv = send, recv
    ssl.SSLSocket.recv_into, ssl.SSLSocket.sendall = recv_into, sendall
    assert plain_write is ssl.SSLSocket.write


if folder:
    _patch()
