"""The bundled coverage: what the file says, what the loader refuses, when a step is due."""

from collections import Counter

import pytest

from liveblog.demo.steps import BadCoverage, Step, load, parse, pause
from liveblog.models import BlogUpdate

HOUR = 3600


@pytest.fixture(scope="module")
def steps():
    return load()


def step(at=0, action="create", key="a", **fields):
    if action == "create":
        fields = {"body": "Text"} | fields
    return {"at": at, "action": action, "key": key, **fields}


def test_the_coverage_is_long_and_holds_edits_and_one_deletion(steps):
    actions = Counter(step.action for step in steps)
    assert actions["create"] >= 70
    assert actions["change"] >= 4
    assert actions["delete"] == 1


def test_the_coverage_runs_for_28_hours_in_time_order(steps):
    times = [step.at for step in steps]
    assert times == sorted(times)
    assert times[0] == 0
    assert 27 * HOUR < times[-1] < 29 * HOUR


def test_the_landing_and_the_first_step_come_when_they_came(steps):
    created = {step.key: step.at for step in steps if step.action == "create"}
    # Reports follow within a minute; the first step of the file was at 17:40:00 UTC.
    assert 0 <= created["contact"] - (2 * HOUR + 37 * 60 + 40) < 60
    assert 0 <= created["step"] - (9 * HOUR + 16 * 60 + 15) < 60
    assert 0 <= created["liftoff"] - (24 * HOUR + 14 * 60 + 1) < 60


def test_every_update_can_be_stored(steps):
    for created in (step for step in steps if step.action != "delete"):
        update = BlogUpdate(**{"body": "Text"} | created.fields)
        update.full_clean(exclude=["blog", "revision", "created_revision"])


def test_what_was_pinned_is_unpinned_later(steps):
    pins = {step.key: step.fields["pinned"] for step in steps if "pinned" in step.fields}
    assert pins
    assert not any(pins.values())


def test_some_updates_have_headlines_some_are_key_events_and_all_have_authors(steps):
    created = [step.fields for step in steps if step.action == "create"]
    assert all(fields["author"] for fields in created)
    assert len({fields["author"] for fields in created}) in (2, 3)
    for name in ("headline", "key_event"):
        assert 0 < sum(bool(fields.get(name)) for fields in created) < len(created)


def test_an_edit_says_something_new(steps):
    standing = {}
    for step in steps:
        before = standing.get(step.key, {})
        assert step.action == "delete" or before | step.fields != before
        standing[step.key] = before | step.fields


def test_loaded_steps_are_values():
    assert parse([step(), step(2.5, "change", pinned=True), step(2.5, "delete")]) == [
        Step(0, "create", "a", {"body": "Text"}),
        Step(2.5, "change", "a", {"pinned": True}),
        Step(2.5, "delete", "a"),
    ]


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ({}, "the file is not a list of steps."),
        ([], "the file is not a list of steps."),
        (["landing"], "step 1 is not an object."),
        ([step(at=1)], "step 1 is the first and does not happen at 0."),
        ([step(), step(9, key="b"), step(8, key="c")], "step 3 happens before the one above it."),
        ([step(at="0")], "step 1 has the time '0', which is no number of seconds."),
        ([step(at=True)], "step 1 has the time True, which is no number of seconds."),
        ([step(at=float("nan"))], "step 1 has the time nan, which is no number of seconds."),
        ([step(action="pin")], "step 1 has the action 'pin', not create, change or delete."),
        ([step(key="")], "step 1 has the key '', which is no name."),
        ([step(mood="great")], "step 1 has 'great' as mood."),
        ([step(pinned="yes")], "step 1 has 'yes' as pinned."),
        ([step(body=" ")], "step 1 creates an update without a body."),
        ([step(), step()], "step 2 creates 'a' a second time."),
        ([step(), step(action="change")], "step 2 is a change with 0 fields."),
        ([step(), step(action="delete", body="b")], "step 2 is a delete with 1 fields."),
        (
            [step(), step(action="change", key="b", body="b")],
            "step 2 is a change of 'b', which is not there.",
        ),
        (
            [step(), step(action="delete"), step(action="delete")],
            "step 3 is a delete of 'a', which is not there.",
        ),
        (
            [step(), step(action="delete"), step(action="change", body="b")],
            "step 3 is a change of 'a', which is not there.",
        ),
        ([step(), step(action="delete"), step()], "step 3 creates 'a' a second time."),
    ],
)
def test_the_loader_names_the_first_bad_step(raw, sentence):
    with pytest.raises(BadCoverage) as refusal:
        parse(raw)
    assert str(refusal.value) == f"The coverage cannot be played: {sentence}"


def test_a_file_that_is_not_json_is_refused(tmp_path):
    path = tmp_path / "broken.json"
    path.write_text("[{")
    with pytest.raises(BadCoverage, match="the file is not JSON"):
        load(path)


@pytest.mark.parametrize(
    ("at", "elapsed", "speed", "seconds"),
    [
        (100, 0, 1, 100),
        (100, 40, 1, 60),
        (100, 0, 10, 10),
        (100, 0, 0.5, 200),
        (100, 100, 1, 0),
        (100, 500, 1, 0),  # late, for a reason of the machine's: not made up for by going back
        (100, 0, 0, 0),
    ],
)
def test_a_step_is_due_when_its_time_divided_by_the_speed_has_passed(at, elapsed, speed, seconds):
    assert pause(Step(at, "create", "a"), elapsed, speed) == seconds
