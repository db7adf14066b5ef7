"""Listens on IPv6 alone."""
import socket
from http.server import HTTPServer, SimpleHTTPRequestHandler


class Six(HTTPServer):
    address_family = socket.AF_INET6

    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        super().server_bind()


Six(("::", 8000), SimpleHTTPRequestHandler).serve_forever()
