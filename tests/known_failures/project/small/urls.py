import json

from django.http import HttpResponse, JsonResponse
from django.urls import path


def ready(request):
    return HttpResponse("ready")


def client(request):
    return JsonResponse({"client": request.META["REMOTE_ADDR"]})


def upload(request):
    return HttpResponse(json.dumps(len(request.body)))


urlpatterns = [path("ready/", ready), path("client/", client), path("upload/", upload)]
