"""Listens where nothing in the project says so."""
from http.server import HTTPServer, SimpleHTTPRequestHandler

HTTPServer(("", 9000), SimpleHTTPRequestHandler).serve_forever()
