"""Has one page, /v1/users."""
from http.server import BaseHTTPRequestHandler, HTTPServer


class API(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.requestline.split()[1] == "/v1/users" else 404)
        self.end_headers()


HTTPServer(("", 8000), API).serve_forever()
