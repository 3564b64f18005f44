"""`python -m channels_realtime doctor` finds nothing to do in this project."""

from channels_realtime.doctor.project import Project
from channels_realtime.doctor.rule import Who

from tests.test_docs import ROOT

# Another project's servers to compare with, and what processes have written.
NOT_THE_PRODUCT = ("bench/", "var/")


def test_the_product_needs_nothing():
    project = Project(ROOT)
    project.read()
    found = [
        each
        for each in project.findings
        if each.rule.who is not Who.BRIDGES and not each.path.as_posix().startswith(NOT_THE_PRODUCT)
    ]
    assert found == []
