"""Takes a connection now and then, and lets others wait; when it is busy, it takes none."""
import socket
import threading
import time

BUSY = True
server = socket.create_server(("", 8000), backlog=1)


def wait():
    with socket.create_connection(("127.0.0.1", 8000)) as waiting:
        waiting.recv(1)


for _ in range(8 if BUSY else 0):
    threading.Thread(target=wait).start()
while BUSY:
    time.sleep(60)
while True:
    client, _ = server.accept()
    with client:
        client.recv(4096)
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n")
