"""channels.test on Django 5.2, and its live server with every start method of multiprocessing."""

import inspect
import os
from collections.abc import Callable
from importlib import import_module
from multiprocessing import Process
from operator import attrgetter
from types import ModuleType
from typing import Any

from channels_realtime.compat.late import patch_when_imported

READY_POLL = 0.2  # s between two looks whether a process that is not ready has ended
END_WITHIN = 5  # s that a process of the live server has to end by SIGTERM; then SIGKILL

TestClass = type[Any]


def adapt_test_cases() -> None:
    """Django 5.2 calls `_pre_setup` on the class; the test cases of channels expect an instance."""
    patch_when_imported("channels.test.base", adapt_test_case_mixin)
    patch_when_imported("channels.test.liveserver", adapt_live_server)


def adapt_test_case_mixin(base: ModuleType) -> None:
    """Patch channels.test.base."""

    def restore_layers(test_class: TestClass) -> None:
        layers, test_class._old_layers = vars(test_class).get("_old_layers", {}), {}
        for alias, layer in layers.items():
            base.channel_layers.set(alias, layer)

    set_up_on_class(base.ChannelTestCaseMixin, restore_layers)


def adapt_live_server(liveserver: ModuleType) -> None:
    """Patch channels.test.liveserver."""
    test_case = liveserver.ChannelLiveServerTestCase

    def is_in_memory_db(connection: Any) -> bool:
        return connection.vendor == "sqlite" and bool(connection.is_in_memory_db())

    test_case._is_in_memory_db = staticmethod(is_in_memory_db)
    set_up_on_class(test_case, end_processes)
    adapt_processes(liveserver.ProcessSetup)


def end_processes(test_class: TestClass) -> None:
    """End the live server's processes that run."""
    for name in ("_server_process", "_worker_process"):
        process: Process | None = vars(test_class).get(name)
        if process is not None and process.is_alive():
            process.terminate()
            process.join(END_WITHIN)
            process.kill()
            process.join()


def set_up_on_class(test_case: TestClass, undo: Callable[[TestClass], None]) -> None:
    """Make `_pre_setup` a class method where Django's is one (from 5.2).

    `undo` takes the test's class and undoes what `_pre_setup` did, if anything: after each test,
    and at the end of the class. From 5.2, Django calls `_pre_setup` for the first test of a
    TransactionTestCase in setUpClass(), which may fail, or be followed by skipped tests only.
    """
    from django.test import SimpleTestCase

    if not isinstance(inspect.getattr_static(SimpleTestCase, "_pre_setup"), classmethod):
        return
    original = test_case._pre_setup

    def _pre_setup(cls: TestClass) -> None:
        cls.addClassCleanup(undo, cls)
        original(cls)

    def _post_teardown(self: Any) -> None:
        undo(type(self))
        super(test_case, self)._post_teardown()

    test_case._pre_setup = classmethod(_pre_setup)
    test_case._post_teardown = _post_teardown


def adapt_processes(process_setup: Any) -> None:
    """Patch the base class of the live server's processes: Daphne and the worker."""
    original_common_setup = process_setup.common_setup

    def start(self: Any) -> None:
        from django.db import connections

        connections.close_all()  # a forked process must not share them
        super(process_setup, self).start()
        while not self.is_ready.wait(READY_POLL):
            if not self.is_alive():
                name = type(self).__name__
                raise RuntimeError(f"{name} has ended with exit code {self.exitcode}.")

    def cleanup_connections(self: Any) -> None:
        from django.db import connections

        for connection in connections.all(initialized_only=True):
            del connections[connection.alias]

    def common_setup(self: Any) -> None:
        from channels import DEFAULT_CHANNEL_LAYER, channel_layers

        original_common_setup(self)
        # Those of a forked process have the connections of the test. Group() and Channel() get the
        # layer that Daphne and the worker of the test use: that of TEST_CONFIG.
        channel_layers.backends.clear()
        layer = channel_layers.make_test_backend(DEFAULT_CHANNEL_LAYER)
        channel_layers.set(DEFAULT_CHANNEL_LAYER, layer)

    def reduce(self: Any) -> tuple[object, ...]:
        from django.conf import ENVIRONMENT_VARIABLE, settings

        cls = type(self)
        module = os.environ.get(ENVIRONMENT_VARIABLE)
        arguments = (module, settings.DEBUG, cls.__module__, cls.__qualname__)
        return new_process, arguments, vars(self)

    process_setup.start = start
    process_setup.cleanup_connections = cleanup_connections
    process_setup.common_setup = common_setup
    process_setup.__reduce__ = reduce


def new_process(settings_module: str | None, debug: bool, module: str, name: str) -> Process:
    """Prepare a process that was spawned and not forked, as the test's own is; its object.

    Nothing of channels can be imported there before the bridges are installed, and what the
    object's attributes refer to may need Django. So pickle calls this first.
    """
    import django
    from django.conf import ENVIRONMENT_VARIABLE

    from channels_realtime.compat import install

    if settings_module:
        os.environ[ENVIRONMENT_VARIABLE] = settings_module
    install()
    django.setup(set_prefix=False)
    from django.test.utils import setup_test_environment

    setup_test_environment(debug=debug)
    cls: type[Process] = attrgetter(name)(import_module(module))
    return cls.__new__(cls)
