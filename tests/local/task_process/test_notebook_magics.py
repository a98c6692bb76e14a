"""Magics and shell lines of notebooks."""

from __future__ import annotations

import os

import pytest

from tests.local.conftest import Serve
from tests.local.task_process.support import notebook_client, output_of, result_of


def test_cell_magics(serve: Serve) -> None:
    text = """
# MAGIC %md
# MAGIC # Not Python at all: 1 +
# COMMAND ----------
# DBTITLE 1,Skipped
# MAGIC %skip  # until the table exists
# MAGIC %sql
# MAGIC select * from nowhere
# COMMAND ----------
# MAGIC %%html
# MAGIC <b>Loaded</b>
# COMMAND ----------
# MAGIC %environment
# MAGIC "client": "1"
# COMMAND ----------
# MAGIC %run ./helpers
# COMMAND ----------
# MAGIC %pip install nothing
# COMMAND ----------
# MAGIC %sh test -e notebook.py
# COMMAND ----------
# MAGIC %python
# MAGIC total = helper(1)
# COMMAND ----------
dbutils.notebook.exit(f"{total} {__name__}")
"""
    assert result_of(notebook_client(serve, text, helpers="def helper(x): return x + 1")) == (
        "2 __main__"
    )


def test_line_magics_among_python(serve: Serve) -> None:
    """As in a notebook that was exported, where one cell may hold several."""
    text = """
# DBTITLE 1,Packages
# MAGIC %pip install nothing
total = 1
# COMMAND ----------
# MAGIC %load_ext autoreload
# MAGIC %autoreload 2
total += 1
# COMMAND ----------
# MAGIC !test -e notebook.py
# COMMAND ----------
# MAGIC %restart_python
%pip install -q \\
  nothing
total += 1
# COMMAND ----------
# MAGIC %%time
# MAGIC total += 1
# COMMAND ----------
# MAGIC %%bash
# MAGIC test -e notebook.py
# COMMAND ----------
assert '''
%pip and !this stay as they are
'''.strip().startswith("%pip and !this")
# COMMAND ----------
# MAGIC %fs mkdirs /Volumes/main/default/files
# COMMAND ----------
dbutils.notebook.exit(total)
"""
    assert result_of(notebook_client(serve, text)) == "4"


def test_text_in_a_cell_with_magics_stays_as_it_is(serve: Serve) -> None:
    text = """
# MAGIC %pip install nothing  # it's not here
kept = '''"%d" rows
%pip of 'a'
!done'''
dbutils.notebook.exit(kept)
"""
    assert result_of(notebook_client(serve, text)) == "\"%d\" rows\n%pip of 'a'\n!done"


def test_magic_may_continue_over_several_lines(serve: Serve) -> None:
    text = """
# MAGIC %pip install \\
# MAGIC   nothing \\
# MAGIC   -q
# COMMAND ----------
# MAGIC !test -e notebook.py && \\
# MAGIC   test -e notebook.py
1 / 0
"""
    client = notebook_client(serve, text)
    run = client.run("etl")
    output = client.outputs(run)["main"]
    assert 'notebook.py", line 9, in <module>\n    1 / 0' in (output.error_trace or "")
    (main,) = run.tasks or []
    assert main.run_id is not None
    (view,) = client.jobs.export_run(main.run_id).views or []
    assert "Ignored '%pip install nothing -q'. List the" in (view.content or "")


def test_comment_that_begins_like_a_magic_is_no_magic(serve: Serve) -> None:
    text = "# MAGICAL numbers come first.\n# MAGIC\ndbutils.notebook.exit('ran')"
    assert result_of(notebook_client(serve, text)) == "ran"


def test_fs_magic_takes_options_and_numbers(serve: Serve) -> None:
    text = """
# MAGIC %fs put /Volumes/c/s/v/a/b.txt "two words"
# COMMAND ----------
# MAGIC %fs put -f /Volumes/c/s/v/a/b.txt hello
# COMMAND ----------
# MAGIC %fs cp -r /Volumes/c/s/v/a /Volumes/c/s/v/c
# COMMAND ----------
# MAGIC %fs head /Volumes/c/s/v/c/b.txt 4
# COMMAND ----------
# MAGIC %fs rm -r /Volumes/c/s/v/a
# COMMAND ----------
dbutils.notebook.exit([each.name for each in dbutils.fs.ls("/Volumes/c/s/v")])
"""
    assert result_of(notebook_client(serve, text)) == "['c/']"


@pytest.mark.parametrize("magic", ["%sh -e", "%sh -e false ||", "%%bash"])
def test_failing_shell_cell_fails_the_notebook(serve: Serve, magic: str) -> None:
    client = notebook_client(serve, f"# MAGIC {magic}\n# MAGIC exit 3")
    assert "exit status 3" in (output_of(client).error or "")


def test_notebook_goes_on_after_shell_cells_that_may_fail(serve: Serve) -> None:
    cells = ("# MAGIC %sh\n# MAGIC exit 3", "# MAGIC %sh exit 3", "# MAGIC !exit 3")
    text = "\n# COMMAND ----------\n".join([*cells, "dbutils.notebook.exit('went on')"])
    assert result_of(notebook_client(serve, text)) == "went on"


def test_line_magic_that_cannot_run_says_what_to_write(serve: Serve) -> None:
    error = output_of(notebook_client(serve, "total = 0\n# MAGIC %prun total = 1")).error or ""
    assert "Write the line in Python, without %prun: it cannot run in the local" in error


@pytest.mark.skipif(not os.path.exists("/bin/bash"), reason="This machine has no bash.")
def test_shell_cell_runs_in_bash(serve: Serve) -> None:
    client = notebook_client(serve, '# MAGIC %sh -e\n# MAGIC [[ "a b" == a* ]]')
    assert output_of(client).error is None


def test_unsupported_magic_is_an_error(serve: Serve) -> None:
    client = notebook_client(serve, "# MAGIC %scala\n# MAGIC val x = 1")
    output = output_of(client)
    assert output.error == (
        "NotImplementedError: The local workspace cannot run a %scala cell. Write it in Python or "
        "SQL, or simulate the job (tag 'local_simulation')."
    )
