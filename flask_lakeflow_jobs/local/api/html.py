"""HTML pages: of the workspace, of a job and a run, and of a notebook that ``runs/export`` returns.

All but the last need no token, so they contain only their own address.
"""

from __future__ import annotations

import base64
import json
from html import escape
from typing import Any
from urllib.parse import quote

# Signs without an escape in a model. Most logs have many of them, and clients limit responses.
_PLAIN = "".join(map(chr, range(ord(" "), 127))).replace("%", "")

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title></head>
<body>
<h1>{title}</h1>
<p>{text}</p>
{script}</body>
</html>
"""

# As with the service, the browser does not send the part of an address after the #.
_REDIRECT_TO_RUN = """<script>
const run = location.hash.match(/^#job\\/(\\d+)\\/run\\/(\\d+)$/);
if (run) location.replace(`/jobs/${run[1]}/runs/${run[2]}`);
</script>
"""


def render_home_page() -> str:
    """Render the page to which each ``run_page_url`` leads."""
    return _PAGE.format(
        title="Local workspace",
        text="This workspace serves the Jobs API; it has no pages of its own. "
        "List its jobs with <code>flask jobs list</code>.",
        script=_REDIRECT_TO_RUN,
    )


def render_job_page(job_id: str, run_id: str | None) -> str:
    """Render the page of a job, whose address the Databricks CLI prints, or of a run of it.

    :param job_id: digits, like the id of the run.
    """
    if run_id is None:
        kind, title = "job", f"Job {job_id}"
        advice = "List its runs with <code>flask jobs runs KEY</code>"
    else:
        kind, title = "run", f"Run {run_id} of job {job_id}"
        advice = f"Show it with <code>flask jobs show KEY {run_id}</code>"
    return _PAGE.format(
        title=title,
        text=f"This {kind} belongs to the local workspace, which has no pages of its own. {advice},"
        " or switch on the console of your app: <code>LAKEFLOW_JOBS_CONSOLE = True</code>.",
        script="",
    )


def render_notebook(name: str, source: str, output: dict[str, Any], title: str) -> str:
    """Render the code of a notebook, what it printed and how it ended.

    Like the page of the service, it also has all of that as a model for programs.
    """
    parts = [("Code", source)]
    parts += [
        (label, output[key])
        for label, key in (("Printed", "logs"), ("Result", "result"), ("Error", "error_trace"))
        if output.get(key)
    ]
    sections = "\n".join(
        f"<h2>{label}</h2>\n<pre>{escape(str(text), quote=False)}</pre>" for label, text in parts
    )
    return (
        '<!DOCTYPE html>\n<html>\n<head><meta charset="utf-8">'
        f"<title>{escape(name)}</title></head>\n"
        f"<body>\n<h1>{escape(title)}</h1>\n{sections}\n"
        f"<script>var __DATABRICKS_NOTEBOOK_MODEL = '{_encode_model(name, source, output)}';"
        "</script>\n</body>\n</html>\n"
    )


def _encode_model(name: str, source: str, output: dict[str, Any]) -> str:
    """Return the model of a notebook that was run as one command, encoded as the service does."""
    printed = {"type": "ansi", "data": output.get("logs", "")}
    command = {
        "version": "CommandV1",
        "command": source,
        "position": 1.0,
        "state": "error" if "error" in output else "finished",
        "errorSummary": output.get("error"),
        "error": output.get("error_trace"),
        "results": {"type": "listResults", "data": [printed] if printed["data"] else []},
    }
    model = {"version": "NotebookV1", "name": name, "commands": [command]}
    return base64.b64encode(quote(json.dumps(model), safe=_PLAIN).encode()).decode()
