"""Answers to one host only."""
from http.server import BaseHTTPRequestHandler, HTTPServer


class API(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.headers["Host"].partition(":")[0] == "localhost" else 400)
        self.end_headers()


HTTPServer(("", 8000), API).serve_forever()
