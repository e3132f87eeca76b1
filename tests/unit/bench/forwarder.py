#!/usr/bin/python3
"""A TCP proxy that is nothing but correct: forwarder.py FILE, a JSON file with port, backends
and, for the tests of the harness, a fault."""

import asyncio
import json
import os
import signal
import sys
import time


async def pump(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


def serve_with(settings):
    async def serve(reader, writer):
        upstream = await asyncio.open_connection("127.0.0.1", settings["backends"][0])
        await asyncio.gather(pump(reader, upstream[1]), pump(upstream[0], writer),
                             return_exceptions=True)
    return serve


async def spin():
    while True:
        await asyncio.sleep(0)


def burn_in_a_child():
    """What a reload costs the proxies that start processes for it: 40 ms of CPU."""
    child = os.fork()
    if child == 0:
        while time.process_time() < 0.04:
            pass
        os._exit(0)
    os.waitpid(child, 0)


async def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        settings = json.load(file)
    if settings["fault"] == "refuses":
        sys.exit("forwarder: refuses to start")
    if settings["fault"] == "forks":
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, burn_in_a_child)
    server = await asyncio.start_server(serve_with(settings), "127.0.0.1", settings["port"],
                                        reuse_address=True)
    async with server:
        await (spin() if settings["fault"] == "spins" else server.serve_forever())


asyncio.run(main())
