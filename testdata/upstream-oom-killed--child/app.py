from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import ForkingMixIn


class App(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/export":
            self.rows = b"x" * 200_000_000
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()


class Server(ForkingMixIn, HTTPServer):
    pass


Server(("", 8000), App).serve_forever()
