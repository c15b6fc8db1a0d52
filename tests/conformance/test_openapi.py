"""Whatever is sent to an endpoint of the document: no answer is a 500, and errors have one shape."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

import pytest

from voice.http.openapi import document

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
from hypothesis import HealthCheck, settings  # noqa: E402 - it comes with the package above
from schemathesis.checks import not_a_server_error  # noqa: E402
from schemathesis.specs.openapi.checks import response_schema_conformance  # noqa: E402

pytestmark = [pytest.mark.conformance, pytest.mark.server, pytest.mark.slow]

FAKES = {
    "ENGINES__STT": "fake",
    "ENGINES__LLM": "fake",
    "ENGINES__TTS": "fake",
    "ENGINES__EMBED": "fake",
}
READY_S = 30
EXAMPLES = 40

schema = schemathesis.openapi.from_dict(json.loads(document()))


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "voice", "serve", "--port", str(port)]
    with subprocess.Popen(command, env=os.environ | FAKES) as process:
        address = f"http://127.0.0.1:{port}"
        try:
            wait_until_ready(address)
            yield address
        finally:
            process.terminate()


def wait_until_ready(address: str) -> None:
    deadline_s = time.monotonic() + READY_S
    while time.monotonic() < deadline_s:
        try:
            with urllib.request.urlopen(f"{address}/health/ready"):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"the server was not ready within {READY_S} s")


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
