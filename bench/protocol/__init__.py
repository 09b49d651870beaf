"""Protocols: how raw maps and scores become numbers."""

from bench.protocol.apply import apply_protocol, apply_protocols

__all__ = ["apply_protocol", "apply_protocols"]
