"""Make a table of your own of a store's numbers.

    python examples/own_table.py

The numbers come as a pandas DataFrame; a `Table` prints as Markdown or LaTeX.
"""

import bench

TASKS = ["phantom/glioma-t1", "phantom/glioma-t2"]

if __name__ == "__main__":
    bench.run(["intensity", "equalized"], task=TASKS, budget="smoke")

    # As `bench report` prints it.
    print(bench.render_table(bench.make_report(protocol="pixel-pooled@1")))

    # And one's own: a line per method, a column per task.
    frame = bench.load_results(protocol="pixel-pooled@1")
    ap = frame[frame.metric == "ap"].pivot(index="method", columns="task", values="value")
    table = bench.Table(
        title="AP by task",
        name="ap-by-task",
        caption="Pooled over all foreground pixels; synthetic images.",
        columns=(
            bench.Column("Method", kind="text"),
            *(bench.Column(task, "%", scale=100, decimals=1) for task in TASKS),
        ),
        rows=tuple(
            (bench.Text(method), *(bench.Number(float(ap.loc[method, task])) for task in TASKS))
            for method in ap.index
        ),
    )
    print(bench.render_table(table, "latex"))
    ap.to_csv("ap.csv")
