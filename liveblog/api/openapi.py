"""`/api/openapi.json`: the token API as OpenAPI 3.1."""

import json
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from conversations.read_only import read_only
from liveblog.api.views import api  # with its operations
from liveblog.reading.views import briefly_public


@cache
def document() -> dict[str, Any]:
    """As JSON values: statuses are text."""
    return json.loads(json.dumps(api.get_openapi_schema(path_prefix="/api/")))


@read_only
@briefly_public
def openapi(request: HttpRequest) -> HttpResponse:
    return JsonResponse(document(), json_dumps_params={"indent": 1})
