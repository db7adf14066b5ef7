"""Speaks TLS to those that say whom they mean, with a certificate that it makes itself."""
import ssl
import subprocess
from http.server import HTTPServer, SimpleHTTPRequestHandler

KEY, CERTIFICATE = "/tmp/key.pem", "/tmp/certificate.pem"
subprocess.run(
    ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=shop", "-keyout", KEY, "-out", CERTIFICATE],
    check=True,
)
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(CERTIFICATE, KEY)
server = HTTPServer(("", 8443), SimpleHTTPRequestHandler)
server.socket = tls.wrap_socket(server.socket, server_side=True)
server.serve_forever()
