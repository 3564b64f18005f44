"""The plain view."""

from django.http import HttpResponse
from django.urls import path


def plain(request):
    return HttpResponse("ok", content_type="text/plain")


urlpatterns = [path("plain/", plain)]
