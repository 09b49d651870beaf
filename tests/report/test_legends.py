"""The legend of a chart for a paper lies inside the picture, whatever its lines are called."""

import pytest
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg

from bench.report.figures.chart import Axis, Chart, Series
from bench.report.figures.paper import _STYLE, _draw

NAMES = {
    "short": ["ae", "dae", "proxyano"],
    "two columns, filled": ["anomalib-reverse-distil.", "proxyano-no-memory, 3000"],
    "tasks of real cards": ["phantom-fresh/glioma-t1 (smoke)", "phantom-fresh/glioma-t2 (smoke)"],
    "settings": [
        "padim (backbone=tf_efficientnet_lite0, weights=random, regularisation=0.01)",
        "ae",
    ],
    "no place to break": ["_" + "settings=" * 20, "ae"],
}


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_it_lies_inside_the_picture(names):
    axis = Axis(title="x", low=0, high=1, ticks=((0, "0"), (1, "1")))
    lines = tuple(
        Series(points=((0, 0), (1, at / 4)), label=name) for at, name in enumerate(names, start=1)
    )
    chart = Chart(name="a", title="", caption="", x=axis, y=axis, series=lines)
    with rc_context(_STYLE):
        figure = _draw(chart)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        (legend,) = figure.legends
        found = legend.get_window_extent(canvas.get_renderer())
    assert found.x0 >= 0
    assert found.x1 <= figure.bbox.width
    assert found.y0 >= 0
    axes = figure.axes[0].get_window_extent()
    assert found.y1 < axes.y0
    assert axes.height > 0.4 * figure.bbox.height
    shown = "".join(one.get_text() for one in legend.get_texts())
    squeezed = str.maketrans("", "", " \n\u200b")
    assert shown.translate(squeezed) == "".join(names).translate(squeezed)
