"""URLs of one test, which replace those of the project."""

from django.conf import settings
from django.http import HttpResponse
from django.urls import path

urlpatterns = [path("hosts/", lambda request: HttpResponse(",".join(settings.ALLOWED_HOSTS)))]
