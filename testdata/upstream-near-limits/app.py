from http.server import BaseHTTPRequestHandler, HTTPServer
import subprocess, time

workers = [subprocess.Popen(["sleep", "infinity"]) for _ in range(3)]


class App(BaseHTTPRequestHandler):
    def do_GET(self):
        for _ in range(8):
            try:
                subprocess.run(["true"])
                break
            except OSError:
                time.sleep(0.3)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET


HTTPServer(("", 8000), App).serve_forever()
