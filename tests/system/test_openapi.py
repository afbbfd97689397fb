"""The API against its own description: thousands of requests, sensible and not, and every answer is one that the description has."""

import json
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from schemathesis.checks import CHECKS as KNOWN_CHECKS
from schemathesis.checks import load_all_checks

from elitscope import Client
from tests.support import hostile
from tests.support.bundles import dot_network
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
"""An answer that never ends, and a request that is a zip file: they are asked for below, the one read no further than it has come."""
NETWORK = dot_network(1.5)
SOUND = hostile.bundle_files(NETWORK, "drawn")
FIELDS = sorted(json.loads(SOUND["manifest.json"]))
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


def with_fields(changes):
    """The files of a bundle whose manifest says something else."""
    return SOUND | {"manifest.json": json.dumps(json.loads(SOUND["manifest.json"]) | changes).encode()}


BUNDLES = st.one_of(
    st.dictionaries(st.sampled_from(FIELDS), ANYTHING, min_size=1, max_size=2).map(with_fields),
    st.binary(max_size=60).map(lambda content: SOUND | {"manifest.json": content}),
    st.binary(max_size=60).map(lambda content: hostile.bundle_files(content, "drawn")),
    st.integers(0, len(NETWORK) - 1).map(lambda end: hostile.bundle_files(NETWORK[:end], "drawn")),
    st.text(min_size=1, max_size=30).map(lambda name: SOUND | {name: b""}),
)
ZIPPED = BUNDLES.map(hostile.zipped)
schemathesis.openapi.media_type("application/zip", st.binary(max_size=200) | ZIPPED | ZIPPED.map(lambda data: data[: len(data) // 2]))


def looked_at(server, result):
    """Whether the drift monitor, which starts after the others, has looked at frames."""
    return httpx.get(f"{server.http}/v1/streams/{result.stream}/recommendation", timeout=PATIENCE).status_code == 200


@pytest.mark.timeout(900)
def test_every_answer_is_one_that_the_description_has_and_none_is_the_servers_fault(server, tmp_path):
    with Client(server.server, stream="haadf", timeout=PATIENCE) as client:
        wait_until(lambda: looked_at(server, client.infer(dots(SHAPE, lattice(SHAPE)).astype(np.float32), sampling=0.1)))
    command = [Path(sys.executable).with_name("st"), "run", f"{server.http}/openapi.json", "--checks", ",".join(CHECKS)]
    command += [*LEFT_OUT, "--phases", "examples,coverage,fuzzing", "--max-examples", "20", "--seed", "4", "--generation-deterministic"]
    command += ["--request-timeout", "60", "--continue-on-failure", "--suppress-health-check", "all", "--no-color"]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=800, check=False, cwd=tmp_path)
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


def operation_of(server, path, method):
    """An operation as the server describes it."""
    return schemathesis.openapi.from_url(f"{server.http}/openapi.json")[path][method]


def repeatedly(count):
    """So many examples, always the same."""
    return settings(max_examples=count, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))


def agrees(case, response):
    """Check an answer against the description."""
    load_all_checks()
    case.validate_response(response, checks=[KNOWN_CHECKS.get_one(name) for name in CHECKS])


@pytest.mark.parametrize("mode", schemathesis.GenerationMode)
def test_listening_to_events_is_answered_as_described_whatever_is_asked_for(server, mode):
    heard = set()

    @repeatedly(25)
    @given(case=operation_of(server, "/v1/events", "GET").as_strategy(generation_mode=mode))
    def ask(case):
        with requests.request(**case.as_transport_kwargs(), stream=True, timeout=PATIENCE) as answer:
            beginning = next(answer.iter_content(None), b"")
            headers = {name: [value] for name, value in answer.headers.items()}
            agrees(case, schemathesis.Response(answer.status_code, headers, beginning, answer.request, 0.0, verify=True))
            assert beginning.startswith(b"retry:" if answer.status_code == 200 else b"{"), beginning
            heard.add(answer.status_code)

    ask()
    assert (200 if mode is schemathesis.GenerationMode.POSITIVE else 422) in heard


def test_a_bundle_that_is_brought_is_answered_as_described_whatever_it_is(server):
    operation = operation_of(server, "/v1/ensembles", "POST")
    sound = operation.Case(body=hostile.zipped(SOUND), media_type="application/zip")
    heard = set()

    @repeatedly(25)
    @given(case=operation.as_strategy())
    @example(case=sound)
    def bring(case):
        answer = case.call(timeout=PATIENCE)
        agrees(case, answer)
        heard.add(answer.status_code)

    bring()
    assert heard >= {201, 422}
