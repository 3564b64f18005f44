"""The pages, and updates.json."""

from django.http import HttpResponse


def index(request):
    return HttpResponse("")


reader = editor = updates_json = index
