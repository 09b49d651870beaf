"""Shuts the network for one test, but for this machine itself."""

import socket


def shut_the_network(monkeypatch):
    """Let whatever reaches for another host fail as if it were offline."""
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def refuse(host):
        if host not in ("127.0.0.1", "localhost"):
            raise OSError(f"a test wants to reach {host}")

    def guarded_connect(self, address):
        if isinstance(address, tuple):
            refuse(address[0])
        return connect(self, address)

    def guarded_look_up(host, *more, **options):
        refuse(host)
        return look_up(host, *more, **options)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_look_up)
