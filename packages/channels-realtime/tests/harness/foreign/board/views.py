"""Plain Django views, which Channels' own consumer of http.request calls."""

from channels import Channel
from channels.handler import AsgiRequest
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.http import HttpResponse, JsonResponse

from board.models import Notice


def ready(request):
    return HttpResponse("ready")


def log_in(request, name):
    user, _ = User.objects.get_or_create(username=name)
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    return HttpResponse(f"Welcome, {name}")


def headers(request):
    return JsonResponse(dict(request.headers))


def later(request):
    """A consumer answers this request."""
    Channel("answer.later").send({"reply_channel": request.reply_channel.name})
    raise AsgiRequest.ResponseLater


def add_notice(request, text):
    return JsonResponse({"pk": Notice.objects.create(text=text).pk})


def notices(request):
    return JsonResponse({"notices": [notice.text for notice in Notice.objects.order_by("pk")]})
