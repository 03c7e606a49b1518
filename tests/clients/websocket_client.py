"""Echoes messages with `wss://api.openai.com` through the proxy of the environment; prints what it saw."""

import asyncio
import json

from websockets.asyncio.client import connect


async def main():
    async with connect("wss://api.openai.com/v1/realtime?model=test", compression="deflate", max_size=None) as socket:
        texts = 0
        for number in range(100):
            await socket.send(f"message {number}")
            texts += (await socket.recv()) == f"message {number}"
        blob = bytes(range(256)) * 12_000
        await socket.send(blob)
        same = (await socket.recv()) == blob
        await (await socket.ping())
        deflate = "permessage-deflate" in socket.response.headers.get("Sec-WebSocket-Extensions", "")
        await socket.close(4000, "done")
        print(json.dumps({"texts": texts, "blob": same, "deflate": deflate, "close": socket.close_code}))


asyncio.run(main())
