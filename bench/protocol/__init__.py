"""Protocols: how raw maps and scores become numbers."""

from bench.protocol.apply import apply_protocol

__all__ = ["apply_protocol"]
