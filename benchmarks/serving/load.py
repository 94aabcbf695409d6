"""A small load generator: N keep-alive connections in one process, one request each at a time, latencies noted.

python benchmarks/serving/load.py HOST PORT CONNECTIONS SECONDS < request      prints one JSON object
"""

import json
import select
import socket
import sys
import time


def main(host: str, port: int, connections: int, seconds: float, request: bytes) -> dict[str, float]:
    poller = select.epoll()
    sockets: dict[int, socket.socket] = {}
    started: dict[int, float] = {}
    pieces: dict[int, bytes] = {}
    for _ in range(connections):
        client = socket.create_connection((host, port))
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sockets[client.fileno()] = client
        pieces[client.fileno()] = b""
        poller.register(client, select.EPOLLIN)
    clock = time.perf_counter
    latencies: list[float] = []
    failed = 0
    begin = clock()
    end = begin + seconds
    for number, client in sockets.items():
        started[number] = clock()
        client.send(request)
    while (now := clock()) < end:
        for number, _ in poller.poll(0.1):
            client = sockets[number]
            data = pieces[number] + client.recv(65536)
            head, found, body = data.partition(b"\r\n\r\n")
            if not found or len(body) < _length(head):
                pieces[number] = data
                continue
            pieces[number] = b""
            now = clock()
            latencies.append(now - started[number])
            failed += not head.startswith(b"HTTP/1.1 200")
            started[number] = now
            client.send(request)
    elapsed = clock() - begin
    latencies.sort()
    return {
        "rate": len(latencies) / elapsed,
        "p50_ms": latencies[len(latencies) // 2] * 1000,
        "p99_ms": latencies[len(latencies) * 99 // 100] * 1000,
        "failed": failed,
    }


def _length(head: bytes) -> int:
    start = head.index(b"Content-Length: ") + 16
    return int(head[start : head.find(b"\r", start) if head.find(b"\r", start) > 0 else None])


if __name__ == "__main__":
    told = main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), sys.stdin.buffer.read())
    print(json.dumps(told))
