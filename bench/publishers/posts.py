"""Publishes as an editor does: a post, broadcast after commit. Usage: posts SLUG SIZE

DJANGO_SETTINGS_MODULE names the product's settings.
"""

import sys

import django

from bench.publishers.serve import serve


def main(slug, size):
    django.setup()
    from liveblog.models import BlogUpdate, LiveBlog

    blog = LiveBlog.objects.get(slug=slug)

    def publish(texts):
        for text in texts:
            BlogUpdate.objects.create(blog=blog, body=text)

    serve(publish, size)


main(sys.argv[1], int(sys.argv[2]))
