"""The packages of the recipes: without them, their blocks in the documentation do not run."""

from __future__ import annotations

import pytest

from tests.docs.blocks import all_blocks
from tests.hosts.support import import_package

NEEDED = {
    block.mark.removeprefix("needs: ")
    for block in all_blocks("python")
    if block.mark.startswith("needs: ")
}


@pytest.mark.parametrize("module", sorted(NEEDED - {"dbutils"}))
def test_module_that_a_recipe_needs_is_installed(module: str) -> None:
    assert import_package(module)
