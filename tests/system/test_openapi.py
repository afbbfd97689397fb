"""The API against its own description: thousands of requests, sensible and not, and every answer is one that the description has."""

import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest

from elitscope import Client
from tests.support.frames import dots, lattice
from tests.support.server import PATIENCE, wait_until

SHAPE = (48, 56)
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
)
LEFT_OUT = ("--exclude-path", "/v1/events", "--exclude-operation-id-regex", "^upload_ensemble")
"""An answer that never ends, and a request that is a zip file: they have tests of their own."""


def looked_at(server, result):
    """Whether the drift monitor, which starts after the others, has looked at frames."""
    return httpx.get(f"{server.http}/v1/streams/{result.stream}/recommendation", timeout=PATIENCE).status_code == 200


def test_every_answer_is_one_that_the_description_has_and_none_is_the_servers_fault(server, tmp_path):
    with Client(server.server, stream="haadf", timeout=PATIENCE) as client:
        wait_until(lambda: looked_at(server, client.infer(dots(SHAPE, lattice(SHAPE)).astype(np.float32), sampling=0.1)))
    command = [Path(sys.executable).with_name("st"), "run", f"{server.http}/openapi.json", "--checks", ",".join(CHECKS)]
    command += [*LEFT_OUT, "--phases", "examples,coverage,fuzzing", "--max-examples", "20", "--seed", "4", "--generation-deterministic"]
    command += ["--request-timeout", "20", "--continue-on-failure", "--suppress-health-check", "all", "--no-color"]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=280, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


@pytest.mark.parametrize("body", [b"\xff\xfe", b"[" * 100_000, b"{", b"\x00", b'{"deselect": [1e999]}', b'{"deselect": ["\\ud800"]}'])
def test_a_body_that_is_no_json_is_the_senders_fault(server, body):
    answer = httpx.patch(
        f"{server.http}/v1/streams/default/selection", content=body, headers={"Content-Type": "application/json"}, timeout=PATIENCE
    )
    assert answer.status_code == 422
    assert answer.json()["code"] == "request_invalid"


@pytest.mark.parametrize(
    "query", ["before=0", "before=0&after=0", "page=0-0", "after=1e11", "before=1e11&after=1e11", "page=999999999999999-1"]
)
def test_the_ends_of_the_audit_are_empty_pages_or_whole_ones(server, query):
    assert httpx.get(f"{server.http}/v1/audit?{query}", timeout=PATIENCE).status_code == 200
