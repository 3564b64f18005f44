"""The plain view, the same as the stock project has."""

from django.http import HttpResponse
from django.urls import path


def plain(request):
    return HttpResponse("ok", content_type="text/plain")


urlpatterns = [path("plain/", plain)]
