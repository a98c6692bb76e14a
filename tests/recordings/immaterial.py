"""The places where our reader may differ from the CLI's recordings, each with its reason."""

from __future__ import annotations

import re
from typing import Any

_UPLOAD = "A deployment uploads libraries on their own; here they are used where they are."
#: A pattern of a path in a job, and why the value there does not matter to a local run.
PATHS = (
    (r"\.permissions\b", "The local workspace has one user, who may do everything."),
    (r"^\.\w+\.(id|url|modified_status|lifecycle)$", "It is no setting of a job."),
    (r"\.libraries\[\d+\](\.(whl|jar))?$", _UPLOAD),
    (r"\.dependencies\[\d+\]$", _UPLOAD),
    (r"\.ai_runtime_task\b", "Tasks of this kind do not run here."),
)
#: A pattern of a scenario, and why its documents cannot be compared.
DOCUMENTS = (
    (r"^resource_deps/create_error", "The server refuses some requests on purpose."),
    (r"^select/", "The command deploys a part of the bundle only."),
    (r"\[CLI\] (jobs|permissions) ", "It is the answer of a workspace."),
    (r"^empty_string_dropped", "Two engines deploy in turn."),
    (r"^deploy/wal/", "The command is killed on purpose."),
    (r"out\.with_static_prefix|^override/job_tasks", "The recorded command failed halfway."),
    (r"^deploy/immutable", "The files of a deployment get a path of their own."),
)
_BUILD = "It builds or uploads; nothing of this happens when jobs run from their sources."
_OTHER = "It checks another resource than a job."
_DEPLOYMENT = "It checks the deployment, its engine or its state."
#: A pattern of a scenario, and why its decisions are not ours.
DECISIONS = (
    (r"^artifacts/", _BUILD),
    (r"^volume_path/", _BUILD),
    (r"^trampoline/warning", "It asks the workspace for the version of a cluster."),
    (
        r"^(git-|syncroot/dotdot-git)",
        "It checks the Git repository, which a local run does not need.",
    ),
    (r"^multi_profile/", "It logs in."),
    (r"^variables/host", "It logs in."),
    (r"^variables/issue_3039", "It asks the workspace for a service principal."),
    (r"^paths/(invalid_)?pipeline", _OTHER),
    (r"^resources/(alerts|dashboards|grants|volumes)/", _OTHER),
    (
        r"^validate/(dashboard|genie|grants|model_serving|no_dashboard|no_genie|secret|sql_w)",
        _OTHER,
    ),
    (r"^validate/reserved_job_run", _OTHER),
    (r"^validate/invalid-engine", _DEPLOYMENT),
    (r"^validate/strict", "The option --strict turns warnings into errors."),
    (r"^run_as/model_serving_matching", "It names the user of the CLI's own tests."),
    (r"^(run/)?scripts", "The scripts of a bundle are commands of the CLI, and do not run here."),
)


def find_reason(path: str, theirs: Any, ours: Any) -> str:
    """Return why a difference does not matter; empty if it does."""
    if isinstance(theirs, str) and "${" in theirs:
        return "The CLI replaces it when it deploys; here it is known when the bundle is read."
    if isinstance(theirs, str) and isinstance(ours, str):
        if re.sub(r"\[\w+_ID\]|\[NUMID\]", "ID", theirs) == re.sub(r"\[NUMID\]", "ID", ours):
            return "It is an id, which is another one in each workspace."
        if re.search(r"\[\w+_ID\]", theirs):
            return "It is the id of another resource, for which its key stands here."
        if "/Workspace" + theirs == ours:
            return "Both paths name the same file in a workspace."
    if path.endswith(".name") and theirs is None and ours == "Untitled":
        return "A workspace names a job so that has no name."
    return next((reason for pattern, reason in PATHS if re.search(pattern, path)), "")


def is_other_document(scenario: str, name: str) -> bool:
    """Return whether a document cannot be compared."""
    return any(re.search(pattern, each) for pattern, _ in DOCUMENTS for each in (scenario, name))


def find_other_decision(scenario: str) -> str:
    """Return why a decision about a bundle is not ours; empty if it is."""
    return next((reason for pattern, reason in DECISIONS if re.search(pattern, scenario)), "")
