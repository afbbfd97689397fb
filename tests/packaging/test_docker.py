"""The images and the compose file, as far as they can be checked where no Docker engine runs."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml
from prometheus_client import generate_latest

from elitscope_service.api.metrics import drift_registry
from elitscope_service.config import load_config
from tests.service.api.test_application import STATUS, Site
from tests.service.api.test_drift import seen
from tests.support.server import wait_until

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
IMAGES = ("cpu", "gpu")
METRIC = re.compile(r"\belitscope_[a-z_]+\b")


def program(name: str) -> str:
    """A program beside this Python, or on the path; the test skips visibly without it."""
    found = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    return found or pytest.skip(f"{name} is not installed")


def run(*command: object, **options: Any) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=500, check=False, **options)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def compose(name: str = "compose.yaml") -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DOCKER / name).read_text())
    return loaded


def dockerfile(kind: str) -> list[tuple[str, str]]:
    """Instructions and their arguments."""
    text = (DOCKER / f"Dockerfile.{kind}").read_text().replace("\\\n", " ")
    lines = (line.strip() for line in text.splitlines())
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines if line and not line.startswith("#"))]


# ---------------------------------------------------------------------------------------------------------------- images


@pytest.mark.parametrize("kind", IMAGES)
def test_the_linter_has_nothing_to_say(kind: str) -> None:
    run(program("hadolint"), DOCKER / f"Dockerfile.{kind}")


@pytest.mark.parametrize("kind", IMAGES)
def test_an_image_is_built_in_stages_and_runs_without_rights(kind: str) -> None:
    steps = dockerfile(kind)
    assert [rest.split()[0] for word, rest in steps if word == "FROM"] == ["python:3.11-slim-bookworm"] * 2
    last = steps[max(i for i, (word, _) in enumerate(steps) if word == "FROM") :]
    assert ("USER", "10001:10001") in last
    assert ("VOLUME", '["/bundles", "/data"]') in last
    assert ("ENTRYPOINT", '["elitscope-server"]') in last
    (check,) = [rest for word, rest in last if word == "HEALTHCHECK"]
    assert "healthcheck.py" in check
    assert ("RUN", f"sh docker/install.sh {kind} /opt/elitscope /bundles") in steps


@pytest.mark.parametrize("kind", IMAGES)
def test_what_an_image_says_to_the_server_is_understood(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (settings,) = [rest for word, rest in dockerfile(kind) if word == "ENV"]
    for name, _, value in (pair.partition("=") for pair in settings.split() if pair.startswith("ELITSCOPE_")):
        monkeypatch.setenv(name, value)
    for name, value in compose()["services"]["server"]["environment"].items():
        monkeypatch.setenv(name, re.sub(r"\$\{[^}:]+:-([^}]*)\}", r"\1", value))
    config = load_config({})
    assert (config.beyond_loopback, config.bundles, config.data_dir) == (True, (Path("/bundles"),), Path("/data"))
    assert (config.device, config.host_names) == ({"cpu": "cpu", "gpu": "cuda"}[kind], ("server",))


@pytest.mark.parametrize("kind", IMAGES)
def test_an_image_installs_what_the_server_needs_in_versions_that_are_tested_and_never_torch(kind: str) -> None:
    lines = run(sys.executable, DOCKER / "requirements.py", kind).splitlines()
    names = {re.split(r"[<>=~!]", line)[0] for line in lines}
    pinned = {line.split("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line}
    assert {"pyzmq", "fastapi", "openvino", "redis", "h5py"} <= names
    assert not names & {"torch", "ray", "pytest", "elitscope", "elitscope-service"}
    assert ("onnxruntime-gpu" in names) == (kind == "gpu") == any(name.startswith("nvidia-") for name in names)
    assert ("onnxruntime" in names) == (kind == "cpu")
    loose = {name for name in names if name.lower().replace("-", "_") not in {p.replace("-", "_") for p in pinned}}
    assert loose <= {"onnxruntime", *(name for name in names if name.startswith("nvidia-"))}


@pytest.mark.skipif("ELITSCOPE_TEST_IMAGES" not in os.environ, reason="takes minutes and a gigabyte: set ELITSCOPE_TEST_IMAGES to run it")
def test_the_install_steps_of_the_cpu_image_make_a_server_that_starts(tmp_path: Path) -> None:
    source, venv, bundles = tmp_path / "source", tmp_path / "venv", tmp_path / "bundles"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", "*.egg-info", "build", "__pycache__"))
    subprocess.run(["sh", "docker/install.sh", "cpu", str(venv), str(bundles)], cwd=source, check=True, timeout=3600)
    check = (venv / "bin" / "elitscope-server", "--check", "--bundles", bundles, "--data-dir", tmp_path / "data", "--device", "cpu")
    assert "everything holds up" in run(*check, cwd=tmp_path)
    assert not list(venv.glob("lib/python*/site-packages/torch"))


def test_only_what_images_are_made_from_goes_to_the_builder() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    allowed = [line[1:] for line in lines if line.startswith("!")]
    assert all((ROOT / path).exists() for path in allowed)
    copied = [rest.split() for word, rest in dockerfile("cpu") if word == "COPY" and "--from" not in rest]
    assert copied == [[".", "."], ["docker/healthcheck.py", "/opt/elitscope/healthcheck.py"]]
    assert {"docker/install.sh", "docker/requirements.py", "docker/healthcheck.py"} <= set(allowed)
    assert not any("secret" in path for path in allowed)


@pytest.fixture
def answering() -> Iterator[tuple[int, list[int]]]:
    """A server of one path, and the status that it answers with."""
    status = [200]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status[0] if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port, status
        server.shutdown()
        thread.join()


def test_the_health_check_tells_life_from_death(answering: tuple[int, list[int]]) -> None:
    port, status = answering

    def healthy(at: int) -> bool:
        environment = {**os.environ, "ELITSCOPE_HTTP": f"0.0.0.0:{at}"}
        command = [sys.executable, str(DOCKER / "healthcheck.py")]
        return subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False).returncode == 0

    assert healthy(port)
    status[0] = 500
    assert not healthy(port)
    assert not healthy(1)


# --------------------------------------------------------------------------------------------------------------- compose


@pytest.mark.parametrize("name", ["compose.yaml", "compose.gpu.yaml"])
def test_the_compose_files_follow_the_specification(name: str) -> None:
    run(program("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", DOCKER / name)


def test_every_file_that_compose_mounts_or_builds_from_is_there() -> None:
    whole = compose()
    server = whole["services"]["server"]
    context = (DOCKER / server["build"]["context"]).resolve()
    assert context == ROOT
    for build in (server["build"], compose("compose.gpu.yaml")["services"]["server"]["build"]):
        assert (context / build["dockerfile"]).is_file()
    for service in whole["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert (DOCKER / source).exists() if source.startswith(".") else source in whole["volumes"]
        assert set(service.get("secrets", ())) <= set(whole["secrets"])
        assert set(service.get("networks", ())) <= set(whole["networks"])
        assert "/" not in service["image"].split(":")[0] or "." not in service["image"].split("/")[0], "no registry is named"


def test_nothing_but_frames_and_publications_is_offered_to_the_network() -> None:
    services = compose()["services"]
    offered = {name: service["ports"] for name, service in services.items() if "ports" in service}
    open_ports = [port.rpartition(":")[2] for ports in offered.values() for port in ports if not port.startswith("127.0.0.1:")]
    assert open_ports == ["5555", "5556"]
    assert not {"redis", "prometheus"} & set(offered)


def test_no_password_stands_in_the_files_and_secrets_never_get_into_the_sources() -> None:
    whole = compose()
    assert all(set(secret) == {"file"} for secret in whole["secrets"].values())
    for service in whole["services"].values():
        for name, value in service.get("environment", {}).items():
            if "PASSWORD" in name:
                assert value.startswith("/run/secrets/")
    assert "docker/secrets/" in (ROOT / ".gitignore").read_text().splitlines()


def test_secrets_are_made_once_and_are_random(tmp_path: Path) -> None:
    shutil.copy(DOCKER / "secrets.sh", tmp_path)
    run("sh", tmp_path / "secrets.sh")
    folder = tmp_path / "secrets"
    made = {path.name: path.read_text() for path in folder.iterdir()}
    assert set(made) == {Path(secret["file"]).name for secret in compose()["secrets"].values()}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    passwords = [made["redis_password"], made["grafana_password"]]
    assert len(set(passwords)) == 2
    assert all(re.fullmatch(r"[A-Za-z0-9]{28,32}", password) for password in passwords)
    run("sh", tmp_path / "secrets.sh")
    assert {path.name: path.read_text() for path in folder.iterdir()} == made


def test_redis_as_compose_starts_it_asks_for_the_password_and_keeps_what_it_was_told(tmp_path: Path) -> None:
    program("redis-server")
    (tmp_path / "password").write_text("a b#c\n")
    (line,) = compose()["services"]["redis"]["command"]
    line = line.replace("$$", "$").replace("/run/secrets/redis_password", str(tmp_path / "password"))
    line = line.replace("--dir /data", f"--dir {tmp_path} --port 0 --unixsocket {tmp_path}/redis.sock")
    for expected in (None, "kept"):
        process = subprocess.Popen(["/bin/sh", "-c", line], stdout=subprocess.DEVNULL, start_new_session=True)
        try:
            client = redis.Redis(unix_socket_path=str(tmp_path / "redis.sock"), password="a b#c", decode_responses=True)
            stranger = redis.Redis(unix_socket_path=str(tmp_path / "redis.sock"))
            wait_until(lambda client=client: answers(client))
            with pytest.raises(redis.AuthenticationError):
                stranger.ping()
            assert client.get("word") == expected
            client.set("word", "kept")
            assert client.config_get("appendfsync") == {"appendfsync": "always"}
            client.close()
            stranger.close()
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # the shell, and what it started
            process.wait(60)


def answers(client: Any) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def test_the_gpu_is_reserved() -> None:
    (device,) = compose("compose.gpu.yaml")["services"]["server"]["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}


# ------------------------------------------------------------------------------------------------ Prometheus and Grafana


def exported() -> str:
    """Our /metrics, with a stream that is looked at for drift."""
    drift = generate_latest(drift_registry([seen()])).decode()
    return Site().told(STATUS).client.get("/metrics").text + drift


@pytest.fixture(scope="module")
def metrics() -> set[str]:
    """Every name that our /metrics has."""
    text = exported()
    return {re.split(r"[{ ]", line)[0] for line in text.splitlines() if line and not line.startswith("#")}


def expressions() -> Iterator[str]:
    board = json.loads((DOCKER / "grafana" / "dashboards" / "elitscope.json").read_text())
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield target["expr"]
    for variable in board["templating"]["list"]:
        yield variable["query"]["query"]
    for group in yaml.safe_load((DOCKER / "prometheus" / "rules.yml").read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["expr"].replace("stream:elitscope_frame_seconds:p99", "recorded")


def test_every_metric_that_is_drawn_or_alerts_exists(metrics: set[str]) -> None:
    named = {name for expression in expressions() for name in METRIC.findall(expression)}
    assert len(named) >= 10
    assert named <= metrics


def test_labels_that_are_used_exist() -> None:
    text = exported()
    known = set(re.findall(r'([a-z]+)="', text)) | {"job"}
    for expression in expressions():
        used = set(re.findall(r'([a-z]+)[=!]~?"', expression)) | set(re.findall(r"\bby \(([a-z, ]+)\)", expression))
        assert {label.strip() for each in used for label in each.split(",")} <= known, expression


def test_the_dashboard_finds_its_data_source_and_no_panel_lies_on_another() -> None:
    board = json.loads((DOCKER / "grafana" / "dashboards" / "elitscope.json").read_text())
    (source,) = yaml.safe_load((DOCKER / "grafana/provisioning/datasources/prometheus.yaml").read_text())["datasources"]
    (provider,) = yaml.safe_load((DOCKER / "grafana/provisioning/dashboards/elitscope.yaml").read_text())["providers"]
    volumes = [volume.split(":")[:2] for volume in compose()["services"]["grafana"]["volumes"]]
    assert ["./grafana/dashboards", provider["options"]["path"]] in volumes
    cells: list[tuple[int, int]] = []
    for panel in board["panels"]:
        assert {panel["datasource"]["uid"], *(target["datasource"]["uid"] for target in panel["targets"])} == {source["uid"]}
        place = panel["gridPos"]
        cells += [(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])]
    assert len(set(cells)) == len(cells)
    assert {x for x, _ in cells} == set(range(24))


def test_prometheus_asks_the_server_where_compose_has_it_with_a_key_from_a_file() -> None:
    (job,) = yaml.safe_load((DOCKER / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    services = compose()["services"]
    assert job["static_configs"] == [{"targets": ["server:8000"]}]
    assert job["authorization"]["credentials_file"] == f"/run/secrets/{services['prometheus']['secrets'][0]}"
    assert set(services["prometheus"]["networks"]) & set(services["server"]["networks"])


def test_prometheus_itself_accepts_its_files(tmp_path: Path) -> None:
    tool = program("promtool")
    shutil.copytree(DOCKER / "prometheus", tmp_path / "prometheus")
    (tmp_path / "token").touch()
    config = tmp_path / "prometheus" / "prometheus.yml"
    config.write_text(config.read_text().replace("/run/secrets/metrics_token", str(tmp_path / "token")))
    run(tool, "check", "config", config)
    run(tool, "check", "rules", tmp_path / "prometheus" / "rules.yml")
