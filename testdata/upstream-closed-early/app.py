from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import ForkingMixIn
import os, signal, time


class App(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/import":
            os.kill(os.getpid(), signal.SIGKILL)  # as the kernel does for want of memory
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()


class Server(ForkingMixIn, HTTPServer):
    pass


Server(("", 8000), App).serve_forever()
