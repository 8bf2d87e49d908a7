"""A client of the classic door that knows Python's `websockets` and nothing of Nexus: each line of standard input is
sent, each message received is a line of standard output, and so is the end."""

import asyncio
import json
import sys

import websockets


def say(line):
    print(line, flush=True)


async def send_lines(socket):
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        await socket.send(line.decode().rstrip("\n"))


async def main():
    try:
        socket = await websockets.connect(sys.argv[1])
    except Exception as error:
        say(json.dumps({"failed": str(error)}))
        return
    sending = asyncio.create_task(send_lines(socket))
    try:
        async for message in socket:
            say(message)
    except websockets.ConnectionClosed:
        pass
    sending.cancel()
    say(json.dumps({"closed": socket.close_code}))


asyncio.run(main())
