"""A client of the native door that knows Python's `websockets` and `msgpack`, and nothing of Nexus. Each line of standard
input is JSON and is sent in MessagePack, where {"hex": "00ff"} stands for bytes; each message received is a line of
standard output, written in the same way, and so is the end."""

import asyncio
import json
import sys

import msgpack
import websockets


def say(value):
    print(json.dumps(value, default=lambda raw: {"hex": raw.hex()}), flush=True)


def packed(line):
    return msgpack.packb(json.loads(line, object_hook=with_bytes))


def with_bytes(value):
    return bytes.fromhex(value["hex"]) if value.keys() == {"hex"} else value


async def send_lines(socket):
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        await socket.send(packed(line))


async def main():
    try:
        socket = await websockets.connect(sys.argv[1], subprotocols=["nexus.v1.msgpack"])
    except Exception as error:
        say({"failed": str(error)})
        return
    sending = asyncio.create_task(send_lines(socket))
    try:
        async for message in socket:
            # A text would be no bytes, and is an error here.
            say(msgpack.unpackb(message))
    except websockets.ConnectionClosed:
        pass
    sending.cancel()
    say({"closed": socket.close_code, "agreed": socket.subprotocol})


asyncio.run(main())
