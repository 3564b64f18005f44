"""channels.sessions as it was before channels_realtime.compat changed it."""

from importlib.util import find_spec, module_from_spec

spec = find_spec("channels.sessions")
original = module_from_spec(spec)
spec.loader.exec_module(original)
enforce_ordering = original.enforce_ordering
