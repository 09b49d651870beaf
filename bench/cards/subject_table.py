"""What a dataset card says of a table of its subjects."""

from __future__ import annotations

from pydantic import Field

from bench.cards.base import Card


class SubjectTable(Card):
    """A CSV or TSV file with what is known of each subject: age, sex, scanner, anything.

    Reports group by its columns (``bench report --by COLUMN``). No method reads it, and it is in no
    key: a corrected table changes no number but those of groups.

    Attributes:
        file: relative to the dataset's folder.
        subject: column with the subject. Its ids are those of the layout, or differ from them in
            leading zeros alone.
        pattern: how the column writes an id, as ``IXI{subject}-*``; ``*`` stands for anything;
            beside ``{subject}`` the longest id that is there counts.
        missing: values that mean that nothing is known, besides an empty cell.
    """

    file: str
    subject: str
    pattern: str = "{subject}"
    missing: list[str] = Field(default=["#N/A", "N/A", "NA", "NaN", "n/a", "nan", "?"])
