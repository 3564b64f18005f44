"""/healthz: the answer passed interface server, Redis and worker, and read the database."""

from django.db import Error, connection
from django.http import JsonResponse
from django.views.decorators.cache import never_cache


@never_cache
def healthz(request):
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error as error:
        return JsonResponse({"status": "failing", "database": str(error)}, status=503)
    return JsonResponse({"status": "ok", "database": "ok"})
