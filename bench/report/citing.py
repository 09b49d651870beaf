r"""BibTeX of what the numbers of a store rest on.

Cards hold citations as a person writes them: ``Authors: Title. Venue (year). doi:...`` and
``Authors year, Title (arXiv ...)``. Works of these two forms become entries with fields; what has
another form is kept whole, as a note, and a citation that is BibTeX already is passed on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bench.report.formats.latex_text import escape
from bench.report.rows.cards import Cards
from bench.report.tables.table import one_line
from bench.store.records import Record

PACKAGES = {
    "anomalib": "Akcay et al. 2022, Anomalib: a deep learning library for anomaly detection "
    "(arXiv 2202.08341)",
    "monai": "Cardoso et al. 2022, MONAI: an open-source framework for deep learning in "
    "healthcare (arXiv 2211.02701)",
    "nibabel": "Brett et al. 2024, nipy/nibabel (doi 10.5281/zenodo.591597)",
    "numpy": "Harris et al. 2020, Array programming with NumPy (doi 10.1038/s41586-020-2649-2)",
    "scikit-image": "van der Walt et al. 2014, scikit-image: image processing in Python "
    "(doi 10.7717/peerj.453)",
    "scikit-learn": "Pedregosa et al. 2011, Scikit-learn: machine learning in Python "
    "(Journal of Machine Learning Research 12)",
    "scipy": "Virtanen et al. 2020, SciPy 1.0: fundamental algorithms for scientific computing in "
    "Python (doi 10.1038/s41592-019-0686-2)",
    "torch": "Paszke et al. 2019, PyTorch: an imperative style, high-performance deep learning "
    "library (arXiv 1912.01703)",
}
"""Packages that ask to be cited by a paper; the others are named with their versions."""

_NAME = r"(?:van der |de |von )?[^\W\d_][\w'’-]*"  # noqa: RUF001 - as names are written
_AUTHORS = rf"{_NAME}(?:(?:, | and ){_NAME})*(?: et al\.)?"
# One name alone before a colon is a label or the name of a method.
_SEVERAL = rf"(?:{_NAME}(?:(?:, | and ){_NAME})+(?: et al\.)?|{_NAME} et al\.)"
_DATASET_WORK = re.compile(rf"(?:^|(?<=[.)\d:] )){_SEVERAL}: ")
_LABEL = re.compile(r"(?:^|\s)[A-Z]\w*(?: \w+)?:$")
_METHOD_WORK = re.compile(
    rf"(?P<authors>{_AUTHORS}) (?P<year>(?:19|20)\d\d), (?P<title>[^;]*?) \((?P<venue>[^)]*)\)"
)
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_DOI = re.compile(r"\bdoi[: ]+(10\.\S+?)[.,;]?(?=\s|$|\))", re.IGNORECASE)
_ARXIV = re.compile(r"\barXiv[: ]+(\d{4}\.\d{4,5})", re.IGNORECASE)


@dataclass
class _Entry:
    kind: str
    fields: dict[str, str]
    used_for: list[str] = field(default_factory=list)


def to_bibtex(records: Iterable[Record], cards: Cards) -> str:
    """Entries of the data sets, methods, protocols and packages of some records, and of bench.

    Args:
        records: of a store.
        cards: where citations come from; what has no card is named in a comment.

    Returns:
        Text of a ``.bib`` file; the same for the same records in any order.
    """
    kept = list(records)
    names = {name for one in kept for name in (one.dataset, one.train_on)}
    found: dict[str, _Entry] = {}
    verbatim: dict[str, None] = {}
    unknown = []
    for kind, wanted, texts in (
        ("data set", names, {name: one.citation for name, one in cards.datasets.items()}),
        ("method", {one.method for one in kept}, {k: m.paper for k, m in cards.methods.items()}),
        ("package", _packages(kept), PACKAGES),
    ):
        for name in sorted(wanted):
            text = one_line(texts.get(name, ""))
            if text.startswith("@"):
                verbatim[texts[name].strip()] = None
            elif text in ("", "none"):
                unknown.append(f"{kind} {name}")
            for entry in _works(text) if text not in ("", "none") and text[0] != "@" else []:
                entry = found.setdefault(_identity(entry), entry)
                entry.used_for.append(f"{kind} {name}")
    entries = [*found.values(), *_protocols(kept, cards), _bench(kept)]
    comments = [f"% without a citation: {', '.join(unknown)}"] if unknown else []
    comments += _other_packages(kept)
    return "\n\n".join([*_written(entries), *verbatim, *comments]) + "\n"


def _identity(entry: _Entry) -> str:
    """What makes two entries the same work, however cards write it."""
    fields = entry.fields
    return fields.get("doi") or fields.get("eprint") or repr(sorted(fields.items()))


def _works(text: str) -> list[_Entry]:
    """The works that a citation names."""
    methods = list(_METHOD_WORK.finditer(text))
    if methods and methods[0].start() == 0:
        return [
            _Entry("misc", _fields(one["authors"], one["title"], one["year"], one["venue"]))
            for one in methods
        ]
    starts = [one.start() for one in _DATASET_WORK.finditer(text)]
    if not starts or _LABEL.sub("", text[: starts[0]].strip()):
        return [_Entry("misc", {"note": text})]
    ends = [*starts[1:], len(text)]
    parts = [_LABEL.sub("", text[a:b].strip()) for a, b in zip(starts, ends, strict=True)]
    return [_dataset_work(one) for one in parts]


def _dataset_work(text: str) -> _Entry:
    authors, _, rest = text.partition(": ")
    title, _, venue = rest.partition(". ")
    if not venue and _YEAR.search(title):
        title, venue = "", title
    first = _DOI.search(venue)
    if first and venue[first.end() :].strip():
        venue, note = venue[: first.end()], venue[first.end() :].strip()
    else:
        note = ""
    years = _YEAR.findall(re.sub(_DOI, "", re.sub(_ARXIV, "", venue)))
    fields = _fields(authors, title.rstrip("."), years[0] if years else "", venue)
    return _Entry("misc", {**fields, "note": note} if note else fields)


def _fields(authors: str, title: str, year: str, venue: str) -> dict[str, str]:
    doi, arxiv = _DOI.search(venue), _ARXIV.search(venue)
    rest = _ARXIV.sub("", _DOI.sub("", venue))
    people = [one for one in re.split(r", | and ", authors.removesuffix(" et al.")) if one]
    people += ["others"] if authors.endswith("et al.") else []
    fields = {
        "author": " and ".join(people),
        "title": title,
        "year": year,
        "howpublished": re.sub(r"\s+", " ", rest).strip(" .,;()"),
        "doi": doi[1] if doi else "",
        "eprint": arxiv[1] if arxiv else "",
        "archiveprefix": "arXiv" if arxiv else "",
    }
    return {
        key: value for key, value in fields.items() if value and (key == "year" or value != year)
    }


def _protocols(records: list[Record], cards: Cards) -> list[_Entry]:
    names = sorted({name for one in records for name in one.protocols})
    entries = []
    for name in names:
        card = cards.protocols.get(name)
        words = one_line(f"{card.description} {card.source}") if card else ""
        fields = {"title": f"Protocol {name} of bench", "note": words}
        entries.append(
            _Entry(
                "misc",
                {k: v for k, v in fields.items() if v},
                [f"protocol {name.replace('@', ' version ')}"],
            )
        )
    return entries


def _bench(records: list[Record]) -> _Entry:
    fields = {
        "author": "{The bench developers}",
        "title": "bench: an honest benchmark harness for unsupervised anomaly detection in "
        "medical images",
        "version": ", ".join(_stated(records, "bench")),
        "note": f"commit {', '.join(_stated(records, 'commit'))}"
        if _stated(records, "commit")
        else "",
    }
    return _Entry("misc", {k: v for k, v in fields.items() if v}, ["bench itself"])


def _stated(records: list[Record], key: str) -> list[str]:
    return sorted({str(one.provenance[key]) for one in records if one.provenance.get(key)})


def _versions(records: list[Record]) -> Mapping[str, set[str]]:
    versions: dict[str, set[str]] = {}
    for one in records:
        packages = one.provenance.get("packages")
        for name, version in packages.items() if isinstance(packages, Mapping) else ():
            if version:
                versions.setdefault(str(name), set()).add(str(version))
    return versions


def _packages(records: list[Record]) -> set[str]:
    return {name for name in _versions(records) if name in PACKAGES}


def _other_packages(records: list[Record]) -> list[str]:
    versions = _versions(records)
    words = [f"{name} {' and '.join(sorted(found))}" for name, found in sorted(versions.items())]
    return [f"% versions of all packages: {', '.join(words)}"] if words else []


def _written(entries: Iterable[_Entry]) -> list[str]:
    taken: set[str] = set()
    texts = []
    for entry in entries:
        key = _key(entry, taken)
        taken.add(key)
        width = max(len(name) for name in entry.fields)
        lines = [
            f"  {name:<{width}} = {{{_value(name, text)}}}," for name, text in entry.fields.items()
        ]
        if "author" not in entry.fields:  # else BibTeX could not sort it
            lines.append(f"  {'key':<{width}} = {{{key}}},")
        used = f"% {', '.join(dict.fromkeys(entry.used_for))}"
        texts.append("\n".join([used, f"@{entry.kind}{{{key},", *lines, "}"]))
    return texts


def _value(name: str, text: str) -> str:
    if name in ("doi", "eprint"):
        return text
    if name == "author" and text.startswith("{"):
        return f"{{{escape(text[1:-1])}}}"
    words = escape(text)
    return f"{{{words}}}" if name == "title" else words  # BibTeX styles would lower its letters


def _key(entry: _Entry, taken: set[str]) -> str:
    """Author, year and first long word of the title; a letter more where that is taken."""
    fields = entry.fields
    if entry.used_for[0] == "bench itself":
        return "bench"
    author = fields.get("author", entry.used_for[0].split(" ")[-1]).split(" and ")[0]
    title = fields.get("title", "")
    word = next((one for one in re.findall(r"\w+", title) if len(one) > 3), "")
    named = (
        [entry.used_for[0]] if "author" not in fields else [author, fields.get("year", ""), word]
    )
    key = re.sub(r"[^a-z0-9-]+", "", "".join(named).lower().replace(" ", "-").replace("@", "-"))
    found, letter = key, ord("a")
    while found in taken:
        found, letter = f"{key}{chr(letter)}", letter + 1
    return found
