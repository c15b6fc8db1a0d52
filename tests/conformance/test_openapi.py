"""Whatever is sent to an endpoint of the document: no answer is a 500, and errors have one shape."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from tests.fake_settings import FAKES
from voice.http.openapi import document

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
from hypothesis import HealthCheck, settings  # noqa: E402 - it comes with the package above
from schemathesis.checks import not_a_server_error  # noqa: E402
from schemathesis.specs.openapi.checks import response_schema_conformance  # noqa: E402

pytestmark = [pytest.mark.conformance, pytest.mark.server, pytest.mark.slow]

EXAMPLES = 40

schema = schemathesis.openapi.from_dict(json.loads(document()))


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server in a process of its own, which says where it is and when it is ready."""
    command = [sys.executable, "-m", "voice", "serve", "--port", "0"]
    with subprocess.Popen(
        command,
        env=os.environ | FAKES | {"ENGINES__EMBED": "fake"},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            ready = next((line for line in process.stderr if line.startswith("Ready: ")), None)
            assert ready, "the server ended before it was ready"
            # What else it writes must not fill the pipe.
            threading.Thread(target=process.stderr.read, daemon=True).start()
            yield ready.split()[1].replace("ws", "http", 1).removesuffix("/v1/realtime")
        finally:
            process.terminate()


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_any_request_gets_an_answer_or_an_error_in_the_one_shape(case, url):
    response = case.call(base_url=url, timeout=20)
    case.validate_response(response, checks=[not_a_server_error, response_schema_conformance])
    if response.status_code >= 400:
        assert response.json()["error"].keys() == {"message", "type", "param", "code"}
    assert response.headers["x-request-id"]
