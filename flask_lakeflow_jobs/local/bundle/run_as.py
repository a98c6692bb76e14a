"""The identity that runs the jobs of a bundle (the CLI's ``resourcemutator/run_as``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .bundle_error import BundleError
from .merge import read_section
from .validation import parse_boolean
from .variables import current_user_name
from .yaml import LocatedDict

_IDENTITIES = ("service_principal_name", "user_name")
# Their APIs know no run_as.
_ONLY_OWN_IDENTITY = ("apps", "model_serving_endpoints", "quality_monitors")


def read_run_as(tree: LocatedDict) -> Mapping[str, Any] | None:
    """Return the identity that runs jobs without one of their own, if the bundle names one.

    :param tree: the bundle, merged with its target, references replaced.
    :raises BundleError: the bundle names none or two, or has a resource that others cannot run.
    """
    if tree.get("run_as") is None:
        return None
    location = tree.locations["run_as"]
    run_as = read_section(tree, "run_as")
    given = {key: run_as[key] for key in _IDENTITIES if run_as.get(key)}
    if read_section(tree, "experimental").get("use_legacy_run_as"):
        return given
    if len(given) != 1:
        number = "names both" if given else "names neither"
        raise BundleError(
            f"'run_as' {number} of 'service_principal_name' and 'user_name'. Name one.", location
        )
    (identity,) = given.values()
    resources = read_section(tree, "resources")
    refused = [kind for kind in _ONLY_OWN_IDENTITY if resources.get(kind)]
    if any(_embeds_credentials(each) for each in read_section(resources, "dashboards").values()):
        refused.append("dashboards' with 'embed_credentials")
    if refused and identity != current_user_name():
        raise BundleError(
            f"'run_as' cannot name someone else in a bundle with '{refused[0]}', which only "
            "their owner runs. Name the user who deploys, or set 'run_as' at each job.",
            location,
        )
    return given


def _embeds_credentials(dashboard: object) -> bool:
    return isinstance(dashboard, dict) and parse_boolean(dashboard.get("embed_credentials")) is True
