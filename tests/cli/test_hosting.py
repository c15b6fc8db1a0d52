import asyncio
import socket

from voice.cli import hosting


async def test_accepted_connections_send_small_frames_at_once():
    accepted = asyncio.get_running_loop().create_future()

    async def accept(_reader, writer):
        accepted.set_result(writer)

    listening = hosting._listen("127.0.0.1", 0)
    async with await asyncio.start_server(accept, sock=listening):
        _, client = await asyncio.open_connection(*listening.getsockname())
        server = await accepted
        connection = server.get_extra_info("socket")
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        for writer in (client, server):
            writer.close()
            await writer.wait_closed()
