"""Patches of modules that install() must not import itself.

Some need Django's app registry, others start with what only tests need, such as Twisted's reactor.
"""

import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType

Patch = Callable[[ModuleType], None]


class PatchingLoader(SourceFileLoader):
    """Loads a module and patches it before anything else sees it."""

    def __init__(self, name: str, path: str, patch: Patch) -> None:
        super().__init__(name, path)
        self.patch = patch

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        self.patch(module)


class PatchingFinder(MetaPathFinder):
    """Finds the modules that have a patch, and leaves all others to the next finder."""

    def __init__(self) -> None:
        self.patches: dict[str, Patch] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        patch = self.patches.get(fullname)
        spec = PathFinder.find_spec(fullname, path, target) if patch else None
        if patch and spec and spec.origin:
            spec.loader = PatchingLoader(fullname, spec.origin, patch)
        return spec


finder = PatchingFinder()


def patch_when_imported(name: str, patch: Patch) -> None:
    """Have the module of that name patched when it is first imported."""
    if finder not in sys.meta_path:
        sys.meta_path.insert(0, finder)
    finder.patches[name] = patch
