"""Twisted's reactor, with a type that type checkers can use.

Twisted declares it by zope interfaces, whose methods have no `self`.
"""

from twisted.internet import reactor as installed
from twisted.internet.base import ReactorBase


def narrow(found: object) -> ReactorBase:
    """The reactor as an instance of the class that all of Twisted's reactors inherit."""
    assert isinstance(found, ReactorBase)
    return found


reactor = narrow(installed)
