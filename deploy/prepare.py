"""`python -m deploy.prepare`: prepares a new release where `deploy/release` cannot.

On Kubernetes (deploy/kubernetes) a Job runs it in the new image before any pod is replaced. It
checks the code, migrates the database, has the new code do what the first worker of a release does,
and copies the static files to DATA_DIR. If a step fails, it ends with exit code 1 and one sentence.
"""

import os
import sys

from proj.environment import WrongValue


def main() -> int:
    """Returns the exit code."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proj.settings")
    try:
        import django

        django.setup()
    except WrongValue as reason:
        print(reason, file=sys.stderr)
        return reason.exit_code
    from django.core.management import CommandError, call_command
    from django.db import Error

    from consumers.rehearsal import rehearse
    from deploy.migrating import Unsafe, migrate
    from proj.static import publish

    try:
        call_command("check")
        migrate()
        print("The database was migrated.", flush=True)
        if trouble := rehearse():
            print(f"STOPPED: {trouble}.", file=sys.stderr)
            return 1
        publish(plain=True)
    except (CommandError, Unsafe, Error, OSError) as reason:
        print(f"STOPPED: {reason}", file=sys.stderr)
        return 1
    print("The release may be rolled out.", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
