import json

from django.http import HttpResponse, JsonResponse
from django.urls import path

from small import book


def ready(request):
    return HttpResponse("ready")


def client(request):
    return JsonResponse({"client": request.META["REMOTE_ADDR"]})


def upload(request):
    return HttpResponse(json.dumps(len(request.body)))


def held(request):
    book.write("held", "view")
    book.wait_at_gate("hold")
    return HttpResponse("released")


urlpatterns = [
    path("ready/", ready),
    path("client/", client),
    path("upload/", upload),
    path("held-view/", held),
]
