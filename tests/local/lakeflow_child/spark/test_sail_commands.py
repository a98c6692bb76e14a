"""Names of catalogs and volumes that would be something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from flask_lakeflow_jobs.local.lakeflow_child.spark.sail_commands import rewrite


def run(statement: str, mounts: dict[str, str]) -> str:
    return rewrite(statement, lambda text: pytest.fail(text), mounts, lambda _: None)


def test_rewrite_creates_no_volume_outside_of_its_folder(tmp_path: Path) -> None:
    mounts = {"/Volumes": str(tmp_path / "a/b/volumes")}
    for name in ("`../../../outside`", "`..`", "`/outside`"):
        with pytest.raises(ValueError, match="no name of a volume"):
            run(f"CREATE VOLUME dev.raw.{name}", mounts)
    run("CREATE VOLUME ../outside", mounts)  # Sail refuses it
    assert not list(tmp_path.iterdir())


def test_rewrite_refuses_the_name_of_a_catalog_that_sail_would_not_take() -> None:
    with pytest.raises(ValueError, match=r"'a\.b' is no name of a catalog.* Write only letters"):
        run("CREATE CATALOG `a.b`", {})
