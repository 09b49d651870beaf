"""Runs cells as IPython does: in ``__main__``, each from a file name that only linecache knows."""

import linecache
import sys


def main():
    """Run the cells of a file, which a line of ``# %%`` separates."""
    namespace = vars(sys.modules["__main__"])
    namespace.pop("__file__", None)
    for number, cell in enumerate(open(sys.argv[1]).read().split("# %%\n")):  # noqa: SIM115
        name = f"<cell {number}>"
        linecache.cache[name] = (len(cell), None, cell.splitlines(keepends=True), name)
        exec(compile(cell, name, "exec"), namespace)


if __name__ == "__main__":
    main()
