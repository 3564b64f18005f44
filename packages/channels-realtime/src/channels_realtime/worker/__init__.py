"""The worker that `manage.py runworker` runs."""
