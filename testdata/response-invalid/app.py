from http.server import BaseHTTPRequestHandler, HTTPServer
import os, signal, time


class App(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.send_header("Content Type", "text/plain")
        self.end_headers()
        self.wfile.write(b"ok")


HTTPServer(("", 8000), App).serve_forever()
