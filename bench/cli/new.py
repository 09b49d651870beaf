"""``bench new``: templates to begin with."""

from __future__ import annotations

import importlib.util
import keyword
import re
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from bench import registry
from bench.atomic import write_text
from bench.errors import UsageError
from bench.registry import plugins, resources

app = typer.Typer(help="Write a template to begin with.", no_args_is_help=True)


@app.command("method")
def method(
    name: Annotated[str, typer.Argument(help="Letters, digits, - and _; a letter first.")],
) -> None:
    """Write ./NAME.py and ./NAME.toml: a small detector that runs, and its card.

    A file that exists is never overwritten.

    Example: bench new method my-method
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name):
        raise UsageError(
            f"name {name!r} may hold only letters, digits, - and _, a letter first",
            hint="bench new method my-method",
        )
    code, card = Path(f"{name}.py"), Path(f"{name}.toml")
    for path in (code, card):
        if path.exists():
            raise UsageError(f"{path} already exists", hint="choose another name")
    class_name = "".join(part[:1].upper() + part[1:] for part in re.split(r"[-_]+", name))
    called = plugins.kebab(class_name)
    if called in registry.load_methods():
        raise UsageError(f"a method named {called!r} already exists", hint="bench list methods")
    module = name.replace("-", "_")
    if keyword.iskeyword(module) or keyword.iskeyword(class_name):
        raise UsageError(
            f"name {name!r} is a reserved word of Python, so nothing can import it",
            hint="choose another name",
        )
    if importlib.util.find_spec(module) is not None:
        raise UsageError(
            f"{code} would hide the installed Python module {module!r}",
            hint="choose another name",
        )
    words = {
        "name": called,
        "title": class_name,
        "class_name": class_name,
        "module": module,
        "file": code.name,
    }
    for path, template in ((code, "method.py.txt"), (card, "method.toml.txt")):
        text = (resources.template_folder() / template).read_text(encoding="utf-8")
        _write(path, Template(text).substitute(words))
        typer.echo(path)
    typer.echo(f"next: bench test-method ./{code}", err=True)


def _write(path: Path, text: str) -> None:
    try:
        write_text(path, text)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}") from error
