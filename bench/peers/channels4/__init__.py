"""A small Channels 4 project, as its documentation builds one."""
