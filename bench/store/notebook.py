"""A record as a notebook shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.store.records import Record

_TEMPLATE = """\
<table>
<caption><b>{{ r.method }}</b> on <b>{{ r.task }}</b>, seed {{ r.seed }}: {{ r.status }}</caption>
<tbody>
<tr><th>cell</th><td colspan="3"><code title="{{ r.key }}">{{ r.key[:12] }}</code></td></tr>
<tr><th>learned from</th><td colspan="3">{{ r.train_on }}
{%- if r.trained_on %}, {{ counted(r.trained_on.subjects, "subject") }},
 {{ counted(r.trained_on.images, "image") }}
{%- endif %}, budget {{ r.budget }}</td></tr>
{% for name, value in r.config | dictsort %}
<tr><th>{{ name }}</th><td colspan="3">{{ value }}</td></tr>
{% endfor %}
{% if r.reason %}
<tr><th>reason</th><td colspan="3">{{ r.reason }}</td></tr>
{% endif %}
{% if r.protocols %}
<tr><th>protocol</th><th>metric</th><th>value</th><th>95 % interval</th></tr>
{% endif %}
{% for protocol, numbers in r.protocols | dictsort %}
{% for metric, value in numbers.metrics | dictsort %}
{% set interval = numbers.intervals.get(metric) %}
<tr><td>{{ protocol }}</td><td>{{ metric }}</td><td>{{ "%.4f" | format(value) }}</td>
<td>{% if interval %}{{ "%.4f to %.4f" | format(interval.low, interval.high) }}{% endif %}</td></tr>
{% else %}
<tr><td>{{ protocol }}</td><td colspan="3">{{ numbers.reason or "no number" }}</td></tr>
{% endfor %}
{% endfor %}
</tbody>
</table>
"""


def record_to_html(record: Record) -> str:
    """A small table of a cell: what it is, and its numbers as fractions; all words are escaped."""
    from jinja2 import Environment, StrictUndefined

    from bench.errors import counted

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_TEMPLATE).render(r=record, counted=counted)
