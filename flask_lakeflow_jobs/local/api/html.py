"""What a browser sees: who follows the address of a run finds out where its run is shown.

A page says no more than its address does, for it asks for no token.
"""
# MERGED """The page that ``runs/export`` hands out for a notebook."""

from __future__ import annotations

from html import escape
from typing import Any

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title></head>
<body>
<h1>{title}</h1>
<p>{text}</p>
{script}</body>
</html>
"""

# What follows the # in the address of a run stays in the browser, as it does with the service.
_TO_THE_RUN = """<script>
const run = location.hash.match(/^#job\\/(\\d+)\\/run\\/(\\d+)$/);
if (run) location.replace(`/jobs/${run[1]}/runs/${run[2]}`);
</script>
"""


def render_home_page() -> str:
    """The page to which all addresses of runs (``run_page_url``) lead."""
    return _PAGE.format(
        title="Local workspace",
        text="This workspace answers the Jobs API; it has no pages of its own. "
        "See its jobs with <code>flask jobs list</code>.",
        script=_TO_THE_RUN,
    )


def render_run_page(job_id: str, run_id: str) -> str:
    """The page of a run.

    :param job_id: digits.
    :param run_id: digits.
    """
    return _PAGE.format(
        title=f"Run {run_id} of job {job_id}",
        text="This run lives in the local workspace, which has no pages of its own. "
        f"See it with <code>flask jobs show KEY {run_id}</code>.",
        script="",
    )


def render_notebook(name: str, source: str, output: dict[str, Any], title: str) -> str:
    """A small HTML page: the notebook's code, what it printed and how it ended."""
    parts = [("Code", source)]
    parts += [
        (label, output[key])
        for label, key in (("Printed", "logs"), ("Result", "result"), ("Error", "error_trace"))
        if output.get(key)
    ]
    sections = "\n".join(
        f"<h2>{label}</h2>\n<pre>{escape(str(text))}</pre>" for label, text in parts
    )
    return (
        '<!DOCTYPE html>\n<html>\n<head><meta charset="utf-8">'
        f"<title>{escape(name)}</title></head>\n"
        f"<body>\n<h1>{escape(title)}</h1>\n{sections}\n</body>\n</html>\n"
    )
