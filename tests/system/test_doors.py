"""A whole server and its doors: keys made beside it, other addresses, TLS."""

import json
import os
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest

from elitscope import Client
from elitscope.errors import NotAuthorised
from elitscope.watch import subscribe
from tests.support.server import PATIENCE, RunningServer, wait_until

FRAME = np.random.default_rng(0).random((48, 56), np.float32)
PROGRAM = Path(sys.executable).with_name("elitscope-server")


def keys(data_dir, *words):
    """What `elitscope-server keys ... --json` says."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ELITSCOPE_")}
    command = [str(part) for part in (PROGRAM, "keys", *words, "--data-dir", data_dir, "--json")]
    return json.loads(subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True, env=environment).stdout)


def status(server, path, token=None, **options):
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{server.http}{path}", headers=headers, timeout=PATIENCE, **options).status_code


def test_the_first_key_closes_both_doors_of_a_server_that_runs_and_a_revoked_one_is_out(toy_bundles, tmp_path):
    data = tmp_path / "data"
    with RunningServer("--bundles", toy_bundles, data_dir=data) as server:
        wait_until(lambda: status(server, "/readyz") == 200)
        with Client(server.server, timeout=PATIENCE) as client:
            client.infer(FRAME, sampling=0.1)
        engine = server.child("engine").pid
        token = keys(data, "create", "ana", "--scope", "admin")["token"]
        wait_until(lambda: status(server, "/readyz") == 401)
        assert status(server, "/healthz") == 200
        server.wait_for_child("engine", other_than=engine)
        wait_until(lambda: status(server, "/readyz", token) == 200)
        with Client(server.server, timeout=PATIENCE) as client, pytest.raises(NotAuthorised):
            client.infer(FRAME, sampling=0.1)
        with pytest.raises(NotAuthorised):
            next(subscribe(server.publish, timeout=PATIENCE))
        keys(data, "create", "acquisition", "--scope", "operate", "--streams", "haadf", "--file", tmp_path / "acquisition.key")
        with Client(server.server, stream="haadf", key=tmp_path / "acquisition.key", timeout=PATIENCE) as client:
            wait_until(lambda: len(keys(data, "list")["keys"]) == 2)
            wait_until(lambda: let_in(client))
            drift = "/v1/streams/haadf/drift"
            wait_until(lambda: let_in(client) and status(server, drift, token) == 200)  # the monitor has come in, too
            assert status(server, drift) == 401
            keys(data, "revoke", "acquisition")
            wait_until(lambda: not let_in(client))
        keys(data, "revoke", "ana")
        wait_until(lambda: status(server, "/readyz", token) == 401)


def let_in(client):
    try:
        client.infer(FRAME, sampling=0.1)
    except NotAuthorised:
        return False
    return True


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=gpu-box", "-addext"]
    command += ["subjectAltName=IP:127.0.0.1,DNS:gpu-box", "-out", str(cert), "-keyout", str(key)]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    return cert, key


def refused(tmp_path, *words):
    """What a server that does not start says."""
    command = [str(part) for part in (PROGRAM, "--data-dir", tmp_path / "data", *words)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ELITSCOPE_")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False, env=environment)
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr


LOCAL = ("--bind", "tcp://127.0.0.1:0", "--publish", "tcp://127.0.0.1:0", "--http", "127.0.0.1:0")


@pytest.mark.parametrize("beyond", [("--bind", "tcp://0.0.0.0:0"), ("--publish", "tcp://*:0"), ("--http", "0.0.0.0:0", "--insecure-http")])
def test_it_listens_nowhere_else_without_keys(beyond, toy_bundles, tmp_path):
    text = refused(tmp_path, "--bundles", toy_bundles, *LOCAL, *beyond)
    assert "listening beyond this computer" in text
    assert "needs keys, and there are none: make one with elitscope-server keys create NAME" in text


def test_a_key_that_was_revoked_is_none(toy_bundles, tmp_path):
    keys(tmp_path / "data", "create", "ana")
    keys(tmp_path / "data", "revoke", "ana")
    assert "needs keys, and there are none" in refused(tmp_path, "--bundles", toy_bundles, *LOCAL, "--bind", "tcp://0.0.0.0:0")


def test_it_does_not_serve_others_without_tls_unless_told_to(tmp_path):
    assert "give --tls-cert and --tls-key, or --insecure-http" in refused(tmp_path, *LOCAL, "--http", "0.0.0.0:0")


def test_a_certificate_that_is_none_is_named(certificate, toy_bundles, tmp_path):
    text = refused(tmp_path, "--bundles", toy_bundles, *LOCAL, "--tls-cert", certificate[1], "--tls-key", certificate[1])
    assert f"tls_cert '{certificate[1]}'" in text


def test_with_a_key_it_listens_everywhere_with_tls_and_curve(certificate, toy_bundles, tmp_path):
    data, (cert, tls_key) = tmp_path / "data", certificate
    key_file = tmp_path / "acquisition.key"
    token = keys(data, "create", "ana", "--scope", "admin")["token"]
    keys(data, "create", "acquisition", "--scope", "operate", "--file", key_file)
    with RunningServer(
        *("--bundles", toy_bundles, "--tls-cert", cert, "--tls-key", tls_key, "--host-names", "gpu-box"),
        data_dir=data,
        bind="tcp://0.0.0.0:0",
        publish="tcp://*:0",
        http="0.0.0.0:0",
    ) as server:
        assert server.http.startswith("https://0.0.0.0:")
        frames, publications = (address.replace("0.0.0.0", "127.0.0.1") for address in (server.server, server.publish))
        with httpx.Client(
            base_url=server.http.replace("0.0.0.0", "127.0.0.1"), verify=ssl.create_default_context(cafile=cert), timeout=PATIENCE
        ) as http:
            assert http.get("/healthz").status_code == 200
            assert http.get("/healthz", headers={"Host": "gpu-box"}).status_code == 200
            assert http.get("/healthz", headers={"Host": "evil.example"}).status_code == 403
            assert http.get("/readyz").status_code == 401
            ready = wait_until(lambda: (r := http.get("/readyz", headers={"Authorization": f"Bearer {token}"})).status_code == 200 and r)
            assert ready.json()["ensembles"] == ["toy"]
        with Client(frames, key=key_file, timeout=PATIENCE) as client:
            assert client.infer(FRAME, sampling=0.1).ensemble == "toy"
        assert next(subscribe(publications, ["status/"], timeout=PATIENCE, key=key_file))[0] == "status/"
        with Client(frames, timeout=PATIENCE) as client, pytest.raises(NotAuthorised):
            client.connect()
