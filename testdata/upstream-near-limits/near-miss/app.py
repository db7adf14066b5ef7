from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import hashlib


class App(BaseHTTPRequestHandler):
    def do_GET(self):
        for _ in range(3):
            hashlib.pbkdf2_hmac("sha256", b"who", b"asks", 200_000)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET


hashlib.pbkdf2_hmac("sha256", b"warm", b"up", 3_000_000)
ThreadingHTTPServer(("", 8000), App).serve_forever()
