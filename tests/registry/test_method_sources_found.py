"""Which files count as the source of a method of a user's own."""

import pytest

from bench.registry.sources import source_files


@pytest.mark.parametrize(
    "before",
    ["", "import pack.deep.in_it\n", "from pack.deep import in_it\n", "from .deep import in_it\n"],
    ids=repr,
)
def test_a_relative_import_is_followed_whatever_was_imported_before(tmp_path, before):
    pack = tmp_path / "pack"
    (pack / "deep").mkdir(parents=True)
    for name in ("__init__.py", "helper.py", "other.py", "deep/__init__.py", "deep/in_it.py"):
        (pack / name).touch()
    start = pack / "start.py"
    start.write_text(before + "from . import helper\nfrom .other import x\n")
    found = {one.relative_to(pack).as_posix() for one in source_files(start, tmp_path, "pack")}
    deep = {"deep/__init__.py", "deep/in_it.py"} if before else set()
    assert found == {"__init__.py", "start.py", "helper.py", "other.py"} | deep
