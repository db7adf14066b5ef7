from http.server import BaseHTTPRequestHandler, HTTPServer
import os, signal, time


class App(BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(1)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()


HTTPServer(("", 8000), App).serve_forever()
