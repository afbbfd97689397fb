"""Ensembles that tests share: written once, loaded once."""

from __future__ import annotations

import pytest

from elitscope_models.bundle import Bundle
from elitscope_models.ensemble import Ensemble, load_ensemble
from elitscope_models.kernels import load_kernels
from elitscope_models.runtimes.onnxruntime import OnnxRuntime
from elitscope_models.runtimes.openvino import OpenVinoRuntime
from tests.support.bundles import make_bundle


@pytest.fixture(scope="session", autouse=True)
def kernels() -> None:
    """Compiled before any test is timed."""
    load_kernels()


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Three members, one class, stride 8."""
    return make_bundle(tmp_path_factory.mktemp("bundles") / "toy")


@pytest.fixture(scope="session")
def two_class_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Three members, two classes, stride 4."""
    return make_bundle(tmp_path_factory.mktemp("bundles") / "pair", classes=2, stride=4)


@pytest.fixture(scope="session")
def ensemble(bundle: Bundle) -> Ensemble:
    """The toy ensemble on OpenVINO, fp32."""
    return load_ensemble(bundle, OpenVinoRuntime())


@pytest.fixture(scope="session")
def second_opinion(bundle: Bundle) -> Ensemble:
    """The toy ensemble on ONNX Runtime's CPU provider."""
    return load_ensemble(bundle, OnnxRuntime())
