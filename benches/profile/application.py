"""The application behind the gate whose work is counted: as little as can be, and not of this package, since what is built
beside the program can change how its parts are named, and what was counted is kept by name.

A GET is answered with 20 bytes, a POST as a shop answers logins, nine times with a redirect and a session cookie and the
tenth time with 401.

    application.py PORT
"""

import asyncio
import itertools
import sys

PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 20\r\n\r\nA page of 20 bytes.\n"
WELCOME = (b"HTTP/1.1 302 Found\r\nLocation: /account\r\nSet-Cookie: session=b6c1f0c2a9d84e57; Path=/; HttpOnly; "
           b"SameSite=Lax\r\nContent-Length: 0\r\n\r\n")
REFUSAL = (b"HTTP/1.1 401 Unauthorized\r\nContent-Type: text/plain\r\nContent-Length: 20\r\n\r\n"
           b"Not the right words\n")

logins = itertools.count(1)


class Visitor(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.seen = transport, b""

    def data_received(self, data):
        self.seen += data
        while (end := self.seen.find(b"\r\n\r\n")) >= 0:
            length = 0
            for line in self.seen[:end].split(b"\r\n")[1:]:
                name, _, value = line.partition(b":")
                if name.strip().lower() == b"content-length":
                    length = int(value)
            if len(self.seen) < end + 4 + length:
                return
            is_login = self.seen.startswith(b"POST")
            self.seen = self.seen[end + 4 + length:]
            refused = is_login and next(logins) % 10 == 0
            self.transport.write(REFUSAL if refused else WELCOME if is_login else PAGE)


async def serve(port):
    server = await asyncio.get_running_loop().create_server(Visitor, "127.0.0.1", port)
    await server.serve_forever()


asyncio.run(serve(int(sys.argv[1])))
