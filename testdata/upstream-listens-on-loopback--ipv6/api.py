"""Listens on the loopback of IPv6."""
import socket
from http.server import HTTPServer, SimpleHTTPRequestHandler


class Six(HTTPServer):
    address_family = socket.AF_INET6


Six(("::1", 8000), SimpleHTTPRequestHandler).serve_forever()
