"""The pipelines of the workspace: those of the bundle, and those created through the API."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from .clock import Clock
from .errors import InvalidState, ResourceConflict, ResourceDoesNotExist
from .model import Settings
from .registry import Registry
from .store.runs import RunStore
from .store.sqlite import Store


@dataclass(frozen=True, slots=True)
class RegisteredPipeline:
    """A pipeline of the workspace.

    :param pipeline_id: for one of the bundle, its resource key.
    :param modified: when its settings last changed, in milliseconds since the epoch.
    """

    pipeline_id: str
    modified: int
    creator: str
    settings: Settings
    from_bundle: bool = False

    @property
    def name(self) -> str:
        """Its name, or its id if it has none."""
        return str(self.settings.get("name") or self.pipeline_id)


class PipelineRegistry:
    """All pipelines of a workspace.

    :param registry: has the bundle, and the user who owns everything.
    """

    def __init__(self, registry: Registry, run_store: RunStore, clock: Clock) -> None:
        self._registry = registry
        self._run_store = run_store
        self._clock = clock
        self._started = self._now()
        with run_store.exclusive() as store:
            loaded = [RegisteredPipeline(**each) for each in store.load_created("pipelines")]
        self._own = {each.pipeline_id: each for each in loaded}

    def find(self, pipeline_id: str) -> RegisteredPipeline:
        """Find a pipeline.

        :raises ApiError: it does not exist.
        """
        pipeline = self._own.get(pipeline_id) or self._from_bundle().get(pipeline_id)
        if pipeline is None:
            raise _not_found(pipeline_id)
        return pipeline

    def all(self) -> list[RegisteredPipeline]:
        """Return all pipelines: those of the API by name, then those of the bundle in its order."""
        own = sorted(self._own.values(), key=lambda each: (each.name, each.pipeline_id))
        return [*own, *self._from_bundle().values()]

    @property
    def settings(self) -> Mapping[str, Settings]:
        """The settings of all pipelines by their ids."""
        return {each.pipeline_id: each.settings for each in self.all()}

    def create(
        self, settings: Settings, *, may_share_name: bool, is_trial: bool = False
    ) -> RegisteredPipeline:
        """Create a pipeline.

        :param may_share_name: allow the name of another one.
        :param is_trial: only check whether it could be created.
        :raises ApiError: another one has its name.
        """
        new_id = str(uuid.uuid4())
        pipeline = RegisteredPipeline(new_id, self._now(), self._registry.user, settings)
        with self._run_store.exclusive() as store:
            if not may_share_name:
                self._check_name(pipeline)
            if not is_trial:
                self._save(store, pipeline)
        return pipeline

    def change(
        self,
        pipeline_id: str,
        settings: Settings,
        *,
        may_share_name: bool,
        expected: int | None = None,
    ) -> None:
        """Replace the settings of a pipeline.

        :param may_share_name: allow a new name that another one has.
        :param expected: when its settings last changed, as far as the client knows.
        :raises ApiError: it does not exist, belongs to the bundle or has changed since, or another
            one has its new name.
        """
        with self._locked(pipeline_id, "Change") as (store, pipeline):
            if expected not in (None, pipeline.modified):
                raise ResourceConflict(
                    f"The pipeline {pipeline_id} was modified at {pipeline.modified}, not at "
                    f"{expected}. Read it again before you change it."
                )
            changed = replace(pipeline, settings=settings, modified=self._now())
            if not may_share_name and changed.name != pipeline.name:
                self._check_name(changed)
            self._save(store, changed)

    def delete(self, pipeline_id: str) -> None:
        """Delete a pipeline, but not its tables.

        :raises ApiError: it does not exist, or it belongs to the bundle.
        """
        with self._locked(pipeline_id, "Delete") as (store, _):
            with store.transaction():
                store.delete_created("pipelines", pipeline_id)
            del self._own[pipeline_id]

    @contextmanager
    def _locked(self, pipeline_id: str, verb: str) -> Iterator[tuple[Store, RegisteredPipeline]]:
        """Find a pipeline of the API that nothing else changes or deletes meanwhile."""
        if self.find(pipeline_id).from_bundle:  # without the lock, as it may wait for the bundle
            path = self._registry.bundle.path
            raise InvalidState(
                f"Pipeline {pipeline_id} is defined by the bundle. {verb} it in {path}."
            )
        with self._run_store.exclusive() as store:
            if (pipeline := self._own.get(pipeline_id)) is None:
                raise _not_found(pipeline_id)
            yield store, pipeline

    def _check_name(self, pipeline: RegisteredPipeline) -> None:
        # Those of the bundle do not count: it may be deployed to the workspace that serves it.
        if any(each.name == pipeline.name for each in self._own.values()):
            raise ResourceConflict(
                f"The pipeline name {pipeline.name!r} is already used by another pipeline. This "
                "check can be skipped by setting `allow_duplicate_names = true` in the request."
            )

    def _save(self, store: Store, pipeline: RegisteredPipeline) -> None:
        own_id, at = pipeline.pipeline_id, pipeline.modified
        store.save_created("pipelines", own_id, at, pipeline.creator, pipeline.settings)
        self._own[pipeline.pipeline_id] = pipeline

    def _from_bundle(self) -> dict[str, RegisteredPipeline]:
        return {
            key: RegisteredPipeline(
                key, self._started, self._registry.user, settings, from_bundle=True
            )
            for key, settings in self._registry.bundle.pipelines.items()
        }

    def _now(self) -> int:
        return int(self._clock.time() * 1000)


def _not_found(pipeline_id: str) -> ResourceDoesNotExist:
    return ResourceDoesNotExist(
        f"The specified pipeline {pipeline_id} was not found. Create it, or define it under "
        "'resources.pipelines' of the bundle."
    )
