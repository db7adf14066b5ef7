import http.server
import os
import socketserver


class Server(socketserver.ThreadingUnixStreamServer):
    def get_request(self):
        request, _ = super().get_request()
        return request, ("socket", 0)


SOCKET = "/run/api/api.sock"
if os.path.exists(SOCKET):
    os.remove(SOCKET)  # of the container before
os.umask(0)
Server(SOCKET, http.server.SimpleHTTPRequestHandler).serve_forever()
