"""Damage at random: bytes flipped, cut, moved and repeated, and words that parsers choke on."""

import random

WORDS = [
    b"9" * 5000, b"-1", b"1e999", b"-1e999", b"NaN", b"Infinity", b"0", b"null", b"true", b"{}",
    b"[]", b"[" * 2000, b"{\"a\":" * 1000, b'""', b"\x00", b"\xff\xfe", b"\xed\xa0\x80",
    b"(a+)+", b"[a/]" * 24, b"../../x", b"/etc/passwd", b"\\", b"\r\n", b"\xff\xff\xff\xff",
    b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80", b"\x00" * 64, b"2147483648", b"1979-05-27",
]  # fmt: skip


def mutated(good: bytes, draw: random.Random) -> bytes:
    """A copy with one to six faults; most of them small, so that parsers get far."""
    content = bytearray(good)
    for _ in range(draw.choice((1, 1, 1, 2, 3, 6))):
        _fault(content, draw)
    return bytes(content)


def _fault(content: bytearray, draw: random.Random) -> None:
    at = draw.randrange(len(content) + 1)
    until = min(len(content), at + draw.choice((1, 2, 4, 8, 50)))
    kind = draw.randrange(9)
    if kind <= 1 and at < len(content):
        content[at] ^= 1 << draw.randrange(8)
    elif kind == 2:
        content[at:until] = draw.randbytes(until - at)
    elif kind == 3:
        del content[at:]
    elif kind == 4:
        del content[at:until]
    elif kind == 5:
        content[at:at] = content[at:until] * draw.choice((1, 2, 200))
    elif kind == 6:
        content[at:at] = draw.choice(WORDS)
    elif kind == 7:
        _replace_a_value(content, draw)
    else:
        other = draw.randrange(len(content) + 1)
        content[at:until] = content[other : other + until - at]


def _replace_a_value(content: bytearray, draw: random.Random) -> None:
    """Put a word where a number or a word of the text stands; anywhere in what is not text."""
    ends = [at for at, one in enumerate(content[:20_000]) if one in b' ,:=\n"[]{}']
    if len(ends) < 2:
        return
    number = draw.randrange(len(ends) - 1)
    content[ends[number] + 1 : ends[number + 1]] = draw.choice(WORDS)
