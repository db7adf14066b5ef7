"""Takes requests for websockets alone, and hangs up behind the handshake. With the name of a proxy it is
the client: it ends well where that lets a websocket through."""
import base64
import hashlib
import socket
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Chat(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        asked = self.headers.get("Upgrade", "").lower() == "websocket" and "upgrade" in self.headers.get("Connection", "").lower()
        self.close_connection = True
        if not asked or self.request_version != "HTTP/1.1":
            self.send_error(426)
            return
        key = self.headers["Sec-WebSocket-Key"].encode()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key + MAGIC).digest()).decode())
        self.end_headers()


def handshake(host):
    with socket.create_connection((host, 80), 5) as server:
        server.sendall(
            f"GET /ws/ HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        )
        status = server.recv(4096).split()[1]
    sys.exit(0 if status == b"101" else f"no websocket: {status.decode()}")


if len(sys.argv) > 1:
    handshake(sys.argv[1])
HTTPServer(("", 8000), Chat).serve_forever()
