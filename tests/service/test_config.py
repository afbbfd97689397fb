"""Configuration: who wins over whom, and what is refused in which words."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from elitscope_service.config import ConfigInvalid, Limits, ServerConfig, load_config, misspelt_variables


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("ELITSCOPE_"):
            monkeypatch.delenv(name)


def toml(folder: Path, text: str) -> Path:
    path = folder / "elitscope.toml"
    path.write_text(text)
    return path


def test_defaults_are_those_of_the_contract() -> None:
    config = load_config({})
    assert (config.bind, config.publish, config.http) == ("tcp://127.0.0.1:5555", "tcp://127.0.0.1:5556", "127.0.0.1:8000")
    assert (config.device, config.ensemble, config.bundles) == ("auto", None, ())


@pytest.mark.parametrize(
    ("flag", "env", "file", "expected"),
    [
        (None, None, None, "auto"),
        (None, None, "cpu", "cpu"),
        (None, "cuda", "cpu", "cuda"),
        ("tensorrt", "cuda", "cpu", "tensorrt"),
        ("tensorrt", None, "cpu", "tensorrt"),
        (None, "", "cpu", "cpu"),
    ],
)
def test_flags_win_over_environment_over_file(
    flag: str | None, env: str | None, file: str | None, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if env is not None:
        monkeypatch.setenv("ELITSCOPE_DEVICE", env)
    path = toml(tmp_path, f'device = "{file}"') if file else None
    assert load_config({"device": flag} if flag else {}, path).device == expected


def test_limits_are_merged_key_by_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELITSCOPE_LIMITS__SESSIONS", "7")
    limits = load_config({}, toml(tmp_path, "[limits]\nsessions = 3\nstreams = 9")).limits
    assert (limits.sessions, limits.streams, limits.queued_frames) == (7, 9, 256)


def test_several_bundle_folders_come_as_a_path_list_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELITSCOPE_BUNDLES", f"{tmp_path}{os.pathsep}relative")
    assert load_config({}).bundles == (tmp_path, Path("relative").absolute())


def test_it_can_not_be_changed() -> None:
    with pytest.raises(ValidationError):
        load_config({}).device = "cpu"  # type: ignore[misc]


def test_it_survives_the_way_to_a_child_process_whatever_the_environment_there(monkeypatch: pytest.MonkeyPatch) -> None:
    config = load_config({"bind": "tcp://127.0.0.1:0", "bundles": ("/bundles",), "limits": Limits(sessions=5)})
    monkeypatch.setenv("ELITSCOPE_DEVICE", "cuda")
    assert ServerConfig.model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize("setting", ["bind", "publish"])
@pytest.mark.parametrize("address", ["tcp://0.0.0.0:5557", "tcp://*:5557", "tcp://192.168.1.7:5557", "tcp://[::]:5557"])
def test_an_address_beyond_loopback_is_known_for_one(setting: str, address: str) -> None:
    assert load_config({setting: address}).beyond_loopback
    assert not load_config({}).beyond_loopback


def test_http_beyond_loopback_needs_tls_or_to_be_called_insecure(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match=r"http '0\.0\.0\.0:8000' can be reached from elsewhere.*--tls-key, or --insecure-http"):
        load_config({"http": "0.0.0.0:8000"})
    (tmp_path / "pem").touch()
    assert load_config({"http": "0.0.0.0:8000", "tls_cert": tmp_path / "pem", "tls_key": tmp_path / "pem"}).beyond_loopback
    assert load_config({"http": "0.0.0.0:8000", "insecure_http": True}).beyond_loopback


def test_host_names_come_with_blanks_or_commas_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELITSCOPE_HOST_NAMES", "GPU-box, gpu-box.lab.example")
    assert load_config({}).host_names == ("gpu-box", "gpu-box.lab.example")


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:0", "tcp://localhost:5555", "tcp://[::1]:5555", "tcp://127.8.9.1:65535"])
def test_loopback_in_any_spelling_is_fine(address: str) -> None:
    assert load_config({"bind": address}).bind == address


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"bind": "tcp://gpu-box:5555"}, "'gpu-box' is a name; say by number"),
    ({"tls_cert": "/none.pem"}, "tls_cert '/none.pem' and tls_key 'None' go together"),
    ({"tls_cert": "/none.pem", "tls_key": "/none.pem"}, "'/none.pem', of tls_cert and tls_key, is no file"),
    ({"host_names": ("gpu-box:8000",)}, "'gpu-box:8000' is no host name"),
    ({"bind": "127.0.0.1:5555"}, "address '127.0.0.1:5555' is not of the form tcp://127.0.0.1:5555"),
    ({"bind": "tcp://127.0.0.1:65536"}, "'tcp://127.0.0.1:65536' is not of the form"),
    ({"bind": "ipc:///tmp/x"}, "'ipc:///tmp/x' is not of the form"),
    ({"http": "tcp://127.0.0.1:8000"}, "'tcp://127.0.0.1:8000' is not of the form 127.0.0.1:8000"),
    ({"device": "tpu"}, "device = 'tpu': Input should be 'auto', 'cpu', 'cuda' or 'tensorrt'"),
    ({"drain_s": 0}, "drain_s = 0"),
    ({"bnid": "x"}, "unknown setting bnid = 'x': did you mean bind?"),
    ({"limits": {"sesions": 3}}, "unknown setting limits.sesions = 3: did you mean limits.sessions?"),
    ({"limits": {"sessions": "many"}}, "limits.sessions = 'many'"),
    ({"limits": {"frame_bytes": 1 << 40}}, "frame_bytes 1099511627776 is above credit_bytes"),
    ({"http": "127.0.0.1:5555"}, "share a port (5555, 5556, 5555)"),
]


@pytest.mark.parametrize(("settings", "words"), REFUSED, ids=[words for _, words in REFUSED])
def test_errors_quote_the_value_and_say_what_is_wrong(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        load_config(settings)
    assert words in str(caught.value)


def test_every_problem_is_reported_at_once() -> None:
    with pytest.raises(ConfigInvalid) as caught:
        load_config({"device": "tpu", "bind": "tcp://here:1"})
    assert len(str(caught.value).splitlines()) == 2


def test_unknown_keys_of_a_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="unknown setting ensembel = 'x': did you mean ensemble"):
        load_config({}, toml(tmp_path, 'ensembel = "x"'))


@pytest.mark.parametrize("text", ["device = ", "\x00"])
def test_a_file_that_is_no_toml_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match=r"elitscope\.toml is not TOML"):
        load_config({}, toml(tmp_path, text))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match=r"none\.toml: No such file"):
        load_config({}, tmp_path / "none.toml")


def test_a_misspelt_variable_is_pointed_out_and_a_clients_is_not() -> None:
    environ = {"ELITSCOPE_PUBLSH": "x", "ELITSCOPE_LIMITS__SESSIONS": "3", "ELITSCOPE_REDIS_URL": "x", "ELITSCOPE_TEST_DATA": "x"}
    assert misspelt_variables(environ) == ["ELITSCOPE_PUBLSH is not a setting and is ignored: did you mean ELITSCOPE_PUBLISH?"]
