r"""Text as pdflatex prints it with its default fonts, without losing a letter.

Accented and Greek letters become commands of LaTeX itself. What no font of pdflatex has (Cyrillic,
Chinese, ...) stays as its author wrote it: XeLaTeX and LuaLaTeX print it, pdflatex stops with an
error that names the letter, and `letters_beyond` tells which they are.
"""

from __future__ import annotations

import unicodedata

from bench.report.tables.table import one_line

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "`": r"\textasciigrave{}",
    "±": r"$\pm$",
    "–": "--",  # noqa: RUF001
    "—": "---",
    "−": "$-$",  # noqa: RUF001
    "…": r"\dots{}",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "×": r"$\times$",  # noqa: RUF001
    "‘": "`",  # noqa: RUF001
    "’": "'",  # noqa: RUF001
    "“": "``",
    "”": "''",
    "÷": r"$\div$",
    "·": r"$\cdot$",
    "≈": r"$\approx$",
    "≠": r"$\neq$",
    "∞": r"$\infty$",
    "→": r"$\rightarrow$",
    "←": r"$\leftarrow$",
    "∈": r"$\in$",
    "∑": r"$\sum$",
    "√": r"$\surd$",
    "°": r"\textdegree{}",
    "§": r"\S{}",
    "©": r"\copyright{}",
    "®": r"\textregistered{}",
    "€": r"\texteuro{}",
    "£": r"\pounds{}",
    "•": r"\textbullet{}",
    "†": r"\dag{}",
    "‡": r"\ddag{}",
    "¡": r"!'",
    "¿": r"?'",
    "œ": r"\oe{}",
    "Œ": r"\OE{}",
    "ł": r"\l{}",
    "Ł": r"\L{}",
    "ı": r"\i{}",  # noqa: RUF001
    "ȷ": r"\j{}",
    "ẞ": "SS",
    "ϑ": r"\ensuremath{\vartheta}",
    "ϕ": r"\ensuremath{\phi}",
    "ϵ": r"\ensuremath{\epsilon}",
    "ς": r"\ensuremath{\varsigma}",
}
_T1 = {  # the default font encoding lacks them, its sister has them
    "Ð": r"\DH",
    "ð": r"\dh",
    "Þ": r"\TH",
    "þ": r"\th",
    "Đ": r"\DJ",
    "đ": r"\dj",
    "Ŋ": r"\NG",
    "ŋ": r"\ng",
    "«": r"\guillemotleft",
    "»": r"\guillemotright",
    "„": r"\quotedblbase",
    "‚": r"\quotesinglbase",  # noqa: RUF001
}
_ACCENTS = {
    "\u0300": r"\`",
    "\u0301": r"\'",
    "\u0302": r"\^",
    "\u0303": r"\~",
    "\u0304": r"\=",
    "\u0306": r"\u",
    "\u0307": r"\.",
    "\u0308": r"\"",
    "\u030a": r"\r",
    "\u030b": r"\H",
    "\u030c": r"\v",
    "\u0323": r"\d",
    "\u0327": r"\c",
    "\u0331": r"\b",
}
_COMMA_BELOW, _OGONEK = "\u0326", "\u0328"
_GREEK_ACCENTS = {"\u0301": r"\acute", "\u0300": r"\grave", "\u0308": r"\ddot"}
_LIKE_LATIN = dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧο", "ABEZHIKMNOPTYXo", strict=True))  # noqa: RUF001
_GREEK = "GREEK SMALL LETTER ", "GREEK CAPITAL LETTER "


def escape(text: str) -> str:
    """Text that LaTeX prints as it is, on one line."""
    return "".join(_letter(one) for one in unicodedata.normalize("NFC", one_line(text)))


def letters_beyond(text: str) -> list[str]:
    """The letters of LaTeX text that pdflatex cannot print, in order, each once."""
    return sorted({one for one in text if not _is_plain(one)})


def _is_plain(letter: str) -> bool:
    """Whether pdflatex reads the letter itself: ASCII, and accented letters of Latin-1."""
    return letter.isascii() or ("À" <= letter <= "ÿ" and letter not in _T1 and letter not in "×÷")  # noqa: RUF001


def _letter(letter: str) -> str:
    if letter in _SPECIAL:
        return _SPECIAL[letter]
    if letter in _T1:
        return _in_t1(_T1[letter])
    if _is_plain(letter):
        return letter
    return _greek(letter) or _accented(letter) or _alike(letter) or letter


def _in_t1(command: str) -> str:
    return rf"{{\fontencoding{{T1}}\selectfont{command}}}"


def _greek(letter: str) -> str:
    """A Greek letter as LaTeX's mathematics has it; empty for other letters."""
    base, *marks = list(unicodedata.normalize("NFKD", letter))
    name = unicodedata.name(base, "")
    if not name.startswith(_GREEK) or not set(marks) <= _GREEK_ACCENTS.keys():
        return ""
    word = name.split(" ")[-1].lower().replace("lamda", "lambda")
    if len(name.split(" ")) > 4 or base in _SPECIAL:
        word = ""  # an archaic or a variant letter
    if base in _LIKE_LATIN:
        symbol = rf"\mathrm{{{_LIKE_LATIN[base]}}}"
    elif word in _GREEK_WORDS:
        symbol = "\\" + (word.capitalize() if base.isupper() else word)
    else:
        return ""
    for mark in marks:
        symbol = rf"{_GREEK_ACCENTS[mark]}{{{symbol}}}"
    return rf"\ensuremath{{{symbol}}}"


_GREEK_WORDS = frozenset(
    [
        *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"),
        *("lambda", "mu", "nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi"),
        *("psi", "omega"),
    ]
)


def _accented(letter: str) -> str:
    """A letter with accents as commands of LaTeX; empty where there is no such command."""
    base, *marks = list(unicodedata.normalize("NFD", letter))
    if not marks or not (base.isascii() and base.isalpha()):
        return ""
    if marks == [_OGONEK]:
        return _in_t1(rf"\k{{{base}}}")
    if marks == [_COMMA_BELOW]:
        return rf"\textcommabelow{{{base}}}"
    if not set(marks) <= _ACCENTS.keys():
        return ""
    below = {"\u0323", "\u0327", "\u0331"}
    text = rf"\{base}" if base in "ij" and not below & set(marks) else base
    for mark in marks:
        text = rf"{_ACCENTS[mark]}{{{text}}}"
    return text


def _alike(letter: str) -> str:
    """Raised and lowered digits, ligatures and wide letters; empty for what has no ASCII form."""
    plain = unicodedata.normalize("NFKD", letter).replace("\u2044", "/")
    if not plain.isascii() or not plain:
        return ""
    words = "".join(_SPECIAL.get(one, one) for one in plain)
    kind = unicodedata.decomposition(letter).split(" ")[0]
    commands = {"<super>": r"\textsuperscript", "<sub>": r"\textsubscript"}
    return f"{commands[kind]}{{{words}}}" if kind in commands else words
