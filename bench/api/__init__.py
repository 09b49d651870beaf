"""The library's side of the command line: the same runs, records and tables, from Python.

Numbers come out as in ``bench report --format json``: fractions from 0 to 1. Folders default to
those of the command line: ``results`` to BENCH_RESULTS, else ``results/runs``; ``data_dir`` to
BENCH_DATA.

Cells run and pictures are drawn in processes of their own, which import the starting script again.
A script that calls `run`, `figures` or `html` must therefore do so under
``if __name__ == "__main__":``; it is refused otherwise. A notebook needs no such line.
"""
