"""Key files: what they hold, who may read them, and the options that name them."""

import json

import pytest

from elitscope.cli import build_parser
from elitscope.commands import options
from elitscope.keyfile import KeyFile

KEY = KeyFile("haadf", "a" * 40, "b" * 40, "c" * 40, "elit_token")


def written(folder, text, mode=0o600):
    path = folder / "some.key"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_what_is_written_is_read(tmp_path):
    assert KeyFile.read(written(tmp_path, KEY.dumps())) == KEY


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_one_that_others_may_read_is_refused(mode, tmp_path):
    with pytest.raises(ValueError, match="can be read by others on this computer: chmod 600"):
        KeyFile.read(written(tmp_path, KEY.dumps(), mode))


BODY = json.loads(KEY.dumps())


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", json.dumps({**BODY, "more": "x"}), json.dumps({**BODY, "server_key": "short"}), '{"name": 1}']
)
def test_one_that_is_none_is_named(text, tmp_path):
    with pytest.raises(ValueError, match=r"some\.key is no key file"):
        KeyFile.read(written(tmp_path, text))


def test_its_secrets_are_in_no_repr():
    assert "c" * 40 not in repr(KEY)
    assert "elit_token" not in repr(KEY)


def test_a_key_file_serves_rest_too_unless_a_token_is_given(tmp_path, monkeypatch):
    for name in ("ELITSCOPE_KEY", "ELITSCOPE_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    path = str(written(tmp_path, KEY.dumps()))
    parse = build_parser().parse_args
    assert options.token(parse(["status", "--key", path])) == "elit_token"
    assert options.token(parse(["status", "--key", path, "--token", "other"])) == "other"
    assert options.token(parse(["status"])) is None
    monkeypatch.setenv("ELITSCOPE_KEY", path)
    assert options.token(build_parser().parse_args(["status"])) == "elit_token"
