"""Knows everything: each name has one address of the internet (RFC 5737)."""
import socket
import struct

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("", 53))
while True:
    query, client = server.recvfrom(512)
    end = query.index(b"\0", 12) + 5
    is_a = query[end - 4 : end - 2] == b"\0\1"
    answer = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton("198.51.100.7") if is_a else b""
    server.sendto(query[:2] + b"\x81\x80" + struct.pack(">HHHH", 1, int(is_a), 0, 0) + query[12:end] + answer, client)
