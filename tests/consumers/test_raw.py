"""HTTP as a message."""

import http.client
import urllib.error
import urllib.request

import pytest
from harness.waiting import PATIENCE


def test_a_consumer_streams_the_answer(stack):
    host, port = stack.address.split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE)
    headers = {"Cookie": "sessionid=secret", "Authorization": "Bearer secret"}
    connection.request("GET", "/raw/?%C3%A9=1", headers=headers)
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Transfer-Encoding"]) == (200, "chunked")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    text = answer.read().decode()
    assert "method: GET\npath: /raw/\n" in text and "query_string: %C3%A9=1\n" in text
    assert "cookie" in text and "secret" not in text
    connection.request("HEAD", "/raw/")  # on the same connection
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b"")
    connection.close()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "NONSENSE"])
def test_it_can_only_be_read(stack, method):
    request = urllib.request.Request(f"http://{stack.address}/raw/", b"x", method=method)
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(request)
    assert (refusal.value.status, refusal.value.headers["Allow"]) == (405, "GET, HEAD")
    assert refusal.value.read().endswith(b".\n")


def test_every_other_path_goes_to_django(stack):
    assert stack.get("/healthz").status == 200
    with pytest.raises(urllib.error.HTTPError) as refusal:
        stack.get("/raw/below/")
    assert refusal.value.status == 404 and b"<html" in refusal.value.read()
