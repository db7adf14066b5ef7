"""Answers to valid host names only."""
import re
from http.server import BaseHTTPRequestHandler, HTTPServer


class API(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if re.fullmatch(r"[a-zA-Z0-9.-]+(:[0-9]+)?", self.headers["Host"]) else 400)
        self.end_headers()


HTTPServer(("", 8000), API).serve_forever()
