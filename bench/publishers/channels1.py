"""Publishes as a Channels 1.x project does: Group.send. Usage: channels1 GROUP SIZE

DJANGO_SETTINGS_MODULE names the project; importing its settings makes Channels 1.x importable.
"""

import sys

import django
from django.conf import settings

from bench.publishers.serve import serve


def main(group_name, size):
    settings.INSTALLED_APPS  # noqa: B018 - the access loads the settings, before channels is imported
    django.setup()
    from channels import Group

    group = Group(group_name)

    def publish(texts):
        for text in texts:
            group.send({"text": text})

    serve(publish, size)


main(sys.argv[1], int(sys.argv[2]))
