"""A WebSocket echo server and client, of the package python3-websockets."""

import asyncio
import ssl
import threading

import websockets

from .addresses import free_address
from .settings import TIME_SCALE

LARGEST = 1 << 22


class EchoServer:
    """Sends every message back, in a thread of its own; `headers` are those of its clients."""

    def __init__(self):
        self.address = free_address()
        self.headers = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._run(self._serve())

    def _run(self, what):
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(10 * TIME_SCALE)

    async def _serve(self):
        return await websockets.serve(self._echo, *self.address, max_size=LARGEST)

    async def _echo(self, one):
        self.headers.append(one.request_headers)
        async for message in one:
            await one.send(message)

    async def _end(self):
        self._server.close()
        await self._server.wait_closed()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10 * TIME_SCALE)
        self._loop.close()


def talk(url, messages, certificate=None):
    """Sends each message, and a ping, through one connection: (the answers, the response's headers,
    the code that it was closed with)."""
    context, name = None, None
    if certificate is not None:
        context, name = ssl.create_default_context(cafile=str(certificate)), "shop.test"

    async def run():
        async with websockets.connect(url, ssl=context, server_hostname=name,
                                      max_size=LARGEST) as one:
            answers = []
            for message in messages:
                await one.send(message)
                answers.append(await one.recv())
            await asyncio.wait_for(await one.ping(), 10 * TIME_SCALE)
        return answers, one.response_headers, one.close_code

    return asyncio.run(asyncio.wait_for(run(), 60 * TIME_SCALE))
