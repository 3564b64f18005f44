"""What `manage.py runworker` refuses: to run and do nothing."""

import django
import pytest
from django.core.management import CommandError, call_command

django.setup()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--threads", "0"], "--threads is a whole number from 1."),
        (["--max-messages", "-1"], "--max-messages and --max-memory are whole numbers from 0."),
        (["--only-channels", "http"], "leave no channel to read"),
        (["--exclude-channels", "*"], "leave no channel to read"),
    ],
)
def test_a_worker_that_would_do_nothing_does_not_start(arguments, sentence):
    with pytest.raises(CommandError, match=sentence) as refusal:
        call_command("runworker", *arguments)
    assert refusal.value.returncode == 2  # supervisord does not try again
