from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from elitscope_models.graph import GraphInvalid, parse_graph
from tests.support.bundles import dot_network, network_file

IDENTITY = [helper.make_node("Sigmoid", ["image"], ["probabilities"])]


def changed(change: Callable[[onnx.ModelProto], object]) -> bytes:
    model = onnx.load_model_from_string(dot_network())
    change(model)
    return bytes(model.SerializeToString())


def outside(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def outside_in_a_constant(model: onnx.ModelProto) -> None:
    tensor = TensorProto(data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    model.graph.node.insert(0, helper.make_node("Constant", [], ["secret"], value=tensor))


def outside_in_a_branch(model: onnx.ModelProto) -> None:
    inner = helper.make_graph([], "branch", [], [])
    inner.initializer.add(name="hidden", data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
    model.graph.node.append(helper.make_node("If", ["image"], ["x"], then_branch=inner, else_branch=inner))


def custom_operator(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Backdoor", ["image"], ["x"], domain="com.example"))


def own_function(model: onnx.ModelProto) -> None:
    model.functions.append(helper.make_function("com.example", "Twist", ["a"], ["b"], [], [helper.make_opsetid("", 17)]))


def double_input(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.DOUBLE


def fixed_height(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 512


def fixed_output(model: onnx.ModelProto) -> None:
    model.graph.output[0].type.tensor_type.shape.dim[3].dim_value = 512


def two_outputs(model: onnx.ModelProto) -> None:
    model.graph.output.append(helper.make_tensor_value_info("contrast", TensorProto.FLOAT, None))


REFUSED = [
    ("weights outside the file", changed(outside), "stored outside the file"),
    ("weights outside, in a constant", changed(outside_in_a_constant), "stored outside the file"),
    ("weights outside, in a branch", changed(outside_in_a_branch), "stored outside the file"),
    ("custom operator", changed(custom_operator), "com.example::Backdoor"),
    ("own function", changed(own_function), "com.example::Twist"),
    ("wrong input name", network_file(IDENTITY, {}, input="picture"), r"inputs are \['picture'\]"),
    ("wrong output name", network_file(IDENTITY, {}, output="answer"), r"outputs are \['answer'\]"),
    ("two outputs", changed(two_outputs), "outputs are"),
    ("wrong dtype", changed(double_input), "is DOUBLE"),
    ("wrong rank", network_file(IDENTITY, {}, shape=("h", "w")), "has 2 axes"),
    ("three channels", network_file(IDENTITY, {}, shape=("n", 3, "h", "w")), "has 3 channels"),
    ("fixed height", changed(fixed_height), "fixed sides"),
    ("fixed output", changed(fixed_output), "fixed sides"),
    ("fixed batch", network_file(IDENTITY, {}, shape=(4, 1, "h", "w")), "fixed sides"),
    ("empty file", b"", r"inputs are \[\]"),
    ("text", b"hello, world", "not an ONNX file"),
    ("half a file", dot_network()[:500], "."),
    ("an operator without its input", network_file([helper.make_node("Sigmoid", ["nothing"], ["probabilities"])], {}), "checker"),
]


@pytest.mark.parametrize(("data", "complaint"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_no_runtime_should_see_is_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(GraphInvalid, match=complaint):
        parse_graph(data, classes=1)


def test_the_number_of_classes_must_be_the_manifests() -> None:
    assert parse_graph(dot_network(classes=2), classes=2).graph.name == "toy"
    with pytest.raises(GraphInvalid, match="has 2 channels: the manifest needs 3"):
        parse_graph(dot_network(classes=2), classes=3)


def test_weights_that_older_exporters_list_as_inputs_are_no_inputs() -> None:
    weights = {"gain": np.full((1, 1, 1, 1), 2, np.float32)}
    model = onnx.load_model_from_string(network_file([helper.make_node("Mul", ["image", "gain"], ["probabilities"])], weights))
    model.graph.input.append(helper.make_tensor_value_info("gain", TensorProto.FLOAT, [1, 1, 1, 1]))
    assert parse_graph(model.SerializeToString(), classes=1)
