"""ONNX files: onnxruntime computes what the model does, and what others wrote is read or refused by name."""

import contextlib
import gzip
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import clearprop as cp
from clearprop.arrays.errors import FileError, MissingExtra, SettingError
from clearprop.export import onnx as writer
from clearprop.export import onnx_file
from clearprop.export.onnx import LINKS, ROWS, to_onnx
from clearprop.export.onnx_reader import from_onnx
from layer_table import LAYERS, LayerRow
from random_models import around, close, models, often, samples

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
helper, numpy_helper = onnx.helper, onnx.numpy_helper
FLOAT = onnx.TensorProto.FLOAT


def run(path: Path, x: np.ndarray) -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})


def same(a: cp.Model, b: cp.Model) -> bool:
    settings = [(m.network, m.loss, m.classes, m.scaling, m.threshold, m.seed, m.dtype) for m in (a, b)]
    return settings[0] == settings[1] and np.array_equal(a.theta, b.theta) and np.array_equal(a.state, b.state)


def undescribed(path: Path) -> Path:
    """The same file without what clearprop says about it: the graph must do."""
    proto = onnx.load(path)
    del proto.metadata_props[:]
    other = path.with_name("undescribed.onnx")
    onnx.save(proto, other)
    return other


def test_every_layer_and_link_has_a_row() -> None:
    own = {kind for kind in cp.Layer.members.values() if kind.__module__.startswith("clearprop.")}
    assert own <= set(ROWS)
    links = {kind for kind in cp.Loss.members.values() if kind.link is not cp.Loss.link}
    assert {kind for kind in links if kind.__module__.startswith("clearprop.")} == set(LINKS)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("row", LAYERS, ids=lambda row: row.id)
def test_each_layer_there_and_back(row: LayerRow, dtype: str, tmp_path: Path) -> None:
    path, model = tmp_path / "model.onnx", around(row.layer, dtype)
    to_onnx(model, path)
    onnx.checker.check_model(path, full_check=True)
    x = samples(model)
    assert close(run(path, x)[0], model.predict_proba(x), 1e-6)
    assert same(from_onnx(path), model)
    chain = from_onnx(undescribed(path))
    assert chain.loss == cp.SoftmaxCrossEntropy()
    assert chain.scaling == model.scaling
    assert chain.dtype == model.dtype
    assert close(chain.predict_proba(x), model.predict_proba(x), 1e-6)


@often
@given(model=models())
def test_random_models_there_and_back(model: cp.Model, tmp_path: Path) -> None:
    path, x = tmp_path / "model.onnx", samples(model)
    to_onnx(model, path)
    onnx.checker.check_model(path)
    assert close(run(path, x)[0], model.predict_proba(x), 1e-5)
    assert same(from_onnx(path), model)
    assert close(from_onnx(undescribed(path)).predict_proba(x), model.predict_proba(x), 1e-5)


def test_any_number_of_samples(tmp_path: Path) -> None:
    model = around(cp.ReLU())
    to_onnx(model, tmp_path / "model.onnx")
    for count in (1, 3, 2000):
        assert run(tmp_path / "model.onnx", samples(model, count))[0].shape == (count, 3)


def test_outputs_instead_of_probabilities(tmp_path: Path) -> None:
    path, model = tmp_path / "model.onnx", around(cp.GELU())
    to_onnx(model, path, probabilities=False)
    x = samples(model)
    assert close(run(path, x)[0], model(x), 1e-6)
    assert same(from_onnx(path), model)


def test_what_the_file_says(tmp_path: Path) -> None:
    path, model = tmp_path / "model.onnx", around(cp.BatchNorm())
    to_onnx(model, path)
    proto = onnx.load(path)
    assert (proto.ir_version, proto.opset_import[0].version, proto.producer_name) == (10, 17, "clearprop")
    metadata = {entry.key: json.loads(entry.value) for entry in proto.metadata_props}
    assert metadata["classes"] == ["a", "b", "ü"]
    assert {"dense1.W", "batchnorm1.mean"} < {tensor.name for tensor in proto.graph.initializer}
    first = path.read_bytes()
    to_onnx(model, path)
    assert path.read_bytes() == first
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]


def test_what_others_changed_in_our_file_counts(tmp_path: Path) -> None:
    path, model = tmp_path / "model.onnx", around(cp.Tanh())
    to_onnx(model, path)
    proto = onnx.load(path)
    node = next(node for node in proto.graph.node if node.op_type == "Tanh")
    node.op_type = "Relu"  # the description says Tanh
    onnx.save(proto, path)
    assert from_onnx(path).network == cp.Network(4, 5, "relu", 3)
    node.op_type = "Tanh"
    weights = next(tensor for tensor in proto.graph.initializer if tensor.name == "dense1.b")
    weights.CopyFrom(numpy_helper.from_array(np.arange(5, dtype=np.float32), "dense1.b"))
    onnx.save(proto, path)
    assert from_onnx(path).network == model.network
    assert from_onnx(path).weights["dense1.b"].tolist() == [0, 1, 2, 3, 4]


class _Cube(cp.Activation):
    def forward(self, xp: Any, w: Any, x: Any, y: Any, memo: Any) -> None:
        xp.multiply(x, x, out=y)
        xp.multiply(y, x, out=y)

    def slope(self, *arrays: Any) -> None: ...


class _Doubled(cp.SquaredError):
    def link(self, xp: Any, z: Any, p: Any, memo: Any) -> None:
        xp.multiply(z, 2.0, out=p)


def test_a_description_that_is_not_of_the_graph_is_not_believed(tmp_path: Path) -> None:
    path, model = tmp_path / "model.onnx", around(cp.Tanh())
    to_onnx(model, path)
    proto = onnx.load(path)
    text = proto.metadata_props[0].value
    for told in (text.replace('"units": 5', '"units": 6'), text.replace("Dense", "Den"), "[" * 10_000, "{}"):
        proto.metadata_props[0].value = told
        onnx.save(proto, path)
        assert from_onnx(path).network == model.network


def test_a_layer_of_ones_own_needs_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, model = tmp_path / "model.onnx", around(_Cube())
    path.write_bytes(b"old")
    with pytest.raises(SettingError, match="layer 2 of 3"):
        to_onnx(model, path)
    assert path.read_bytes() == b"old"
    monkeypatch.setitem(ROWS, _Cube, lambda g, layer, x, w: g.op("Mul", x, g.op("Mul", x, x)))
    to_onnx(model, path)
    assert close(run(path, samples(model))[0], model.predict_proba(samples(model)), 1e-6)
    with pytest.raises(SettingError, match="a loss with a row"):
        to_onnx(cp.Model(cp.Network(2, 2), _Doubled()), path)


def test_too_large_for_the_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "LARGEST", 100)
    with pytest.raises(SettingError, match="2 GiB"):
        to_onnx(around(cp.ReLU()), tmp_path / "model.onnx")


def test_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtra, match=r"clearprop\[onnx\]"):
        to_onnx(around(cp.ReLU()), tmp_path / "model.onnx")
    with pytest.raises(MissingExtra, match=r"clearprop\[onnx\]"):
        from_onnx(tmp_path / "model.onnx")


# What other programs write


RNG = np.random.default_rng(5)
X = RNG.normal(size=(60, 4)).astype(np.float32)
THREE, TWO = RNG.integers(0, 3, 60), RNG.integers(0, 2, 60)


def fitted(kind: str) -> tuple[Any, dict[str, Any]]:
    """A model of scikit-learn, and how to write it."""
    learn = pytest.importorskip("sklearn.neural_network")
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    options = {"max_iter": 3, "random_state": 0, "hidden_layer_sizes": (5, 4)}
    classifier, plain = learn.MLPClassifier(**options), {"zipmap": False}
    return {
        "classes": lambda: (classifier.fit(X, THREE), {}),
        "names": lambda: (classifier.fit(X, np.array(["x", "y", "z"])[THREE]), {}),
        "numbers": lambda: (classifier.set_params(activation="logistic").fit(X, THREE + 5), plain),
        "two": lambda: (classifier.set_params(activation="tanh").fit(X, np.array(["no", "yes"])[TWO]), plain),
        "two numbered": lambda: (classifier.fit(X, TWO), {}),
        "labels": lambda: (classifier.fit(X, RNG.integers(0, 2, (60, 3))), {}),
        "scaled": lambda: (make_pipeline(StandardScaler(), classifier).fit(X * 3 + 1, THREE), plain),
        "values": lambda: (learn.MLPRegressor(**options).fit(X, X[:, 0]), {}),
    }[kind]()


@pytest.mark.filterwarnings("ignore")  # of scikit-learn, that it has not converged
@pytest.mark.parametrize(
    "kind", ["classes", "names", "numbers", "two", "two numbered", "labels", "scaled", "values"]
)  # fmt: skip
def test_scikit_learn(kind: str, tmp_path: Path) -> None:
    skl2onnx = pytest.importorskip("skl2onnx")
    theirs, options = fitted(kind)
    path = tmp_path / "theirs.onnx"
    path.write_bytes(skl2onnx.to_onnx(theirs, X[:1], options=options or None).SerializeToString())
    model = from_onnx(path)
    assert np.array_equal(model.predict(X), theirs.predict(X)) or kind == "values"
    if kind == "values":
        assert isinstance(model.loss, cp.MeanSquaredError)
        assert close(model.predict(X), theirs.predict(X), 1e-6)
    elif kind.startswith("two"):
        assert close(model.predict_proba(X)[:, 0], theirs.predict_proba(X)[:, 1], 1e-6)
    else:
        assert close(model.predict_proba(X), theirs.predict_proba(X), 1e-6)
    assert (model.scaling is not None) == (kind == "scaled")


class Made:
    """An ONNX graph made by hand, as PyTorch writes it: a chain unless the inputs of a node are given."""

    def __init__(self, shape: tuple[Any, ...] = ("N", 4), dtype: Any = np.float32) -> None:
        self.x = helper.make_tensor_value_info("x", helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)
        self.nodes: list[Any] = []
        self.arrays: list[Any] = []
        self.value, self.rng, self.dtype = "x", np.random.default_rng(1), dtype

    def array(self, *shape: int, value: Any = None) -> str:
        values = self.rng.normal(size=shape) if value is None else value
        name = f"array{len(self.arrays)}"
        self.arrays.append(numpy_helper.from_array(np.asarray(values, self.dtype), name))
        return name

    def add(self, kind: str, *inputs: str, first: str | None = None, domain: str = "", **attributes: Any) -> "Made":
        name = f"node{len(self.nodes)}"
        inputs = (first or self.value, *inputs)
        self.nodes.append(
            helper.make_node(kind, inputs, [name], f"/{kind}{len(self.nodes)}", domain=domain, **attributes)
        )
        self.value = name
        return self

    def linear(self, n: int = 4, units: int = 4) -> "Made":
        return self.add("Gemm", self.array(units, n), self.array(units), transB=1, alpha=1.0, beta=1.0)

    def proto(self, opset: int = 17) -> Any:
        y = helper.make_tensor_value_info(self.value, self.x.type.tensor_type.elem_type, None)
        graph = helper.make_graph(self.nodes, "made", [self.x], [y], self.arrays)
        opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)

    def save(self, folder: Path, opset: int = 17) -> Path:
        path = folder / "made.onnx"
        onnx.save(self.proto(opset), path)
        return path


def gelu(m: Made, half_first: bool = False) -> Made:
    x = m.value
    m.add("Div", m.array(value=np.sqrt(2))).add("Erf").add("Add", m.array(value=1.0))
    if half_first:
        return m.add("Mul", m.array(value=0.5)).add("Mul", m.value, first=x)
    return m.add("Mul", m.value, first=x).add("Mul", m.array(value=0.5))


def silu(m: Made) -> Made:
    x = m.value
    return m.add("Sigmoid").add("Mul", m.value, first=x)


def softsign(m: Made) -> Made:
    x = m.value
    return m.add("Abs").add("Add", m.array(value=1.0)).add("Div", m.value, first=x)


def softplus(m: Made) -> Made:
    x = m.value
    plus = m.add("Softplus").value
    return m.add("Greater", m.array(value=20.0), first=x).add("Where", x, plus)


def constant(m: Made) -> Made:
    """Weights in nodes of their own, as older exporters have them."""
    value = numpy_helper.from_array(m.rng.normal(size=(3, 4)).astype(np.float32))
    m.nodes.append(helper.make_node("Constant", [], ["c"], value=value))
    m.nodes.append(helper.make_node("Transpose", ["c"], ["t"], perm=[1, 0]))
    return m.add("MatMul", "t").add("Add", m.array(3))


def batch_norm(m: Made) -> Made:
    return m.add("BatchNormalization", m.array(4), m.array(4), m.array(4), m.array(value=[0.5, 1, 2, 3]))


CHAINS = {
    "relu": (lambda m: m.linear().add("Relu").linear(), cp.Network(4, 4, "relu", 4)),
    "no bias": (lambda m: m.add("Gemm", m.array(4, 3), alpha=0.5), cp.Network(4, cp.Dense(3, bias=False))),
    "one bias": (lambda m: m.add("Gemm", m.array(4, 3), m.array(1), beta=2.0), cp.Network(4, 3)),
    "matmul": (lambda m: m.add("MatMul", m.array(4, 3)).add("Add", m.array(1, 3)), cp.Network(4, 3)),
    "constant": (constant, cp.Network(4, 3)),
    "gelu": (lambda m: gelu(m.linear()).linear(), cp.Network(4, 4, "gelu", 4)),
    "newer gelu": (lambda m: gelu(m.linear(), half_first=True), cp.Network(4, 4, "gelu")),
    "silu": (lambda m: silu(m.linear()), cp.Network(4, 4, "silu")),
    "softsign": (lambda m: softsign(m.linear()), cp.Network(4, 4, "softsign")),
    "softplus": (lambda m: softplus(m.linear()), cp.Network(4, 4, "softplus")),
    "leaky": (lambda m: m.linear().add("LeakyRelu", alpha=0.3), cp.Network(4, 4, cp.LeakyReLU(0.3))),
    "dropout": (lambda m: m.linear().add("Dropout").linear(), cp.Network(4, 4, cp.Dropout(0.5), 4)),
    "batch norm": (lambda m: batch_norm(m).linear(), cp.Network(4, cp.BatchNorm(), 4)),
    "layer norm": (lambda m: m.linear().add("LayerNormalization", m.array(4)), cp.Network(4, 4, cp.LayerNorm())),
    "identity": (lambda m: m.linear().add("Identity").add("Cast", to=FLOAT).add("Tanh"), cp.Network(4, 4, "tanh")),
    "image": (
        lambda m: m.add("Div", m.array(value=255.0)).add("Sub", m.array(value=0.1)).add("Flatten").linear(),
        cp.Network(4, 4),
    ),
    "shifted": (lambda m: m.add("Add", m.array(4)).add("Mul", m.array(1)).linear(), cp.Network(4, 4)),
    "softmax alone": (lambda m: m.add("Softmax"), cp.Network(4, "identity")),
}


@pytest.mark.parametrize("kind", CHAINS)
def test_chains_of_others(kind: str, tmp_path: Path) -> None:
    build, network = CHAINS[kind]
    shape = ("N", 1, 2, 2) if kind == "image" else ("N", 4)
    path = build(Made(shape)).save(tmp_path)
    model = from_onnx(path)
    assert model.network == network
    x = RNG.normal(size=(6, 4)).astype(np.float32)
    answer = run(path, x.reshape(6, *shape[1:]))[0]
    assert close(model.predict_proba(x), answer, 1e-6)


def test_images_must_be_flattened(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="flatten the input first"):
        from_onnx(Made(("N", 4, 4)).linear().save(tmp_path))
    with pytest.raises(FileError, match="flatten the input first"):
        from_onnx(Made(("N", 4, 4)).add("Relu").add("Flatten").save(tmp_path))


def test_the_width_of_the_input_may_be_open(tmp_path: Path) -> None:
    assert from_onnx(Made(("N", "features")).linear().save(tmp_path)).network == cp.Network(4, 4)
    with pytest.raises(FileError, match="width of the input"):
        from_onnx(Made(("N", "features")).add("Relu").save(tmp_path))


def test_precision_of_the_weights(tmp_path: Path) -> None:
    model = from_onnx(Made(dtype=np.float64).linear().save(tmp_path))
    assert model.dtype == np.float64


@pytest.mark.parametrize(
    ("link", "loss"),
    [("Softmax", cp.SoftmaxCrossEntropy()), ("LogSoftmax", cp.SoftmaxCrossEntropy()),
     ("Sigmoid", cp.SigmoidCrossEntropy()), ("Exp", cp.Poisson()), ("Relu", cp.MeanSquaredError())],
)  # fmt: skip
def test_the_link_tells_the_loss(link: str, loss: cp.Loss, tmp_path: Path) -> None:
    path = Made().linear().add(link).save(tmp_path)
    x = RNG.normal(size=(6, 4)).astype(np.float32)
    model, answer = from_onnx(path), run(path, x)[0]
    assert model.loss == loss
    assert close(model.predict_proba(x), np.exp(answer) if link == "LogSoftmax" else answer, 1e-6)


def test_the_loss_may_be_said_where_the_file_does_not_tell(tmp_path: Path) -> None:
    logits = Made().linear().save(tmp_path)
    assert from_onnx(logits).loss == cp.MeanSquaredError()
    model = from_onnx(logits, cp.SoftmaxCrossEntropy())
    x = RNG.normal(size=(6, 4)).astype(np.float32)
    assert np.array_equal(model.predict(x), run(logits, x)[0].argmax(axis=1))
    probabilities = Made().linear().add("Softmax").save(tmp_path)
    assert from_onnx(probabilities, cp.SoftmaxCrossEntropy()).loss == cp.SoftmaxCrossEntropy()
    with pytest.raises(cp.SettingError, match="with which the file ends, got MeanSquaredError"):
        from_onnx(probabilities, cp.MeanSquaredError())
    with pytest.raises(cp.SettingError, match="a loss, or None"):
        from_onnx(logits, "softmax")  # type: ignore[arg-type]


# What is refused


def outside(m: Made) -> Made:
    m.linear()
    tensor = m.arrays[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"
    return m


def changed(m: Made, **fields: Any) -> Made:
    """A graph whose first array says of itself what is not so."""
    m.linear()
    for name, value in fields.items():
        if name == "dims":
            m.arrays[0].dims[:] = value
        else:
            setattr(m.arrays[0], name, value)
    return m


def hidden_output(m: Made) -> Made:
    m.linear()
    value = m.value
    m.add("Relu")
    m.value = value
    return m


def tied(m: Made) -> Made:
    W = m.array(40, 40)
    for _ in range(900):
        m.add("MatMul", W)
    return m


def untruthful_norm(m: Made) -> Made:
    return m.add("BatchNormalization", m.array(3), m.array(3), m.array(3), m.array(3))


REFUSED = {
    "convolution": (lambda m: m.linear().add("Conv", m.array(4, 4)), "node '/Conv1': .* got Conv"),
    "another domain": (lambda m: m.add("Relu", domain="com.example"), r"got com\.example\.Relu"),
    "residual": (lambda m: m.linear().add("Add", "x"), "node '/Add1': .* where 'node0' came before"),
    "earlier value": (lambda m: m.linear().add("Relu", first="x"), "node '/Relu1': .* of .*'x'"),
    "computed weights": (lambda m: m.add("MatMul", "x"), "node '/MatMul0': .* 'x' is no constant"),
    "weights first": (lambda m: m.add("MatMul", "x", first=m.array(4, 4)), "node '/MatMul0'"),
    "transposed input": (lambda m: m.add("Gemm", m.array(4, 4), transA=1), "Gemm with transA"),
    "three dimensions": (lambda m: m.add("MatMul", m.array(2, 4, 4)), "weights of two dimensions"),
    "bias of another width": (lambda m: m.add("Gemm", m.array(4, 3), m.array(4)), "bias of 4 numbers for 3"),
    "weights of another width": (lambda m: m.linear().linear(5, 4), r"W of shape \(4, 4\), got \(5, 4\)"),
    "norm of another width": (untruthful_norm, r"gamma of shape \(4,\), got \(3,\)"),
    "training": (lambda m: m.add("BatchNormalization", *(m.array(4) for _ in "1234"), training_mode=1), "training"),
    "other axis": (lambda m: m.add("LayerNormalization", m.array(4), axis=0), "LayerNormalization over other axes"),
    "approximate": (lambda m: m.linear().add("Gelu", approximate="tanh"), "Gelu in its approximate form"),
    "after softmax": (lambda m: m.linear().add("Softmax").linear(), "Gemm after the probabilities"),
    "softmax over samples": (lambda m: m.linear().add("Softmax", axis=0), "node '/Softmax1'"),
    "scaling in the middle": (lambda m: m.linear().add("Mul", m.array(4)), "Mul after /Gemm0"),
    "divided by zero": (lambda m: m.add("Div", m.array(value=0.0)).linear(), "finite numbers for factor"),
    "scaled by too many": (lambda m: m.add("Div", m.array(3)).linear(), "not one for each feature"),
    "reshape": (lambda m: m.linear().add("Reshape", m.array(value=[2.0, 2.0])), "Reshape after"),
    "hidden output": (hidden_output, "what the last layer puts out"),
    "another file": (outside, "name of another file"),
    "more claimed than there": (lambda m: changed(m, dims=[2**40, 2**20]), "values, its shape being"),
    "less claimed than there": (lambda m: changed(m, dims=[2, 2]), "4 values, .* got 16"),
    "broken bytes": (lambda m: changed(m, raw_data=b"12345"), "16 values, .* got 1"),
    "negative size": (lambda m: changed(m, dims=[-4, -4]), "a shape"),
    "no size": (lambda m: changed(m, dims=[0, 4]), "a shape"),
    "many dimensions": (lambda m: changed(m, dims=[1] * 1000), "a shape"),
    "half precision": (lambda m: changed(m, data_type=10), "got FLOAT16"),
    "unknown type": (lambda m: changed(m, data_type=99), "got type 99"),
    "not finite": (lambda m: changed(m, raw_data=np.full(16, np.nan, "<f4").tobytes()), "finite numbers"),
    "too large to be": (lambda m: m.add("Gemm", m.array(value=[[1e38]] * 4), alpha=1e9), "finite weights"),
    "whole numbers": (lambda m: changed(m, data_type=6), "no constant array of decimals"),
    "one array for many": (tied, "at most 1000 layers|one array for many"),
    "a wrong setting": (lambda m: m.linear().add("Elu", alpha=-1.0), "alpha to be a finite number"),
    "softmax of one": (lambda m: m.linear(4, 1).add("Softmax"), "at least 2 outputs"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_refused_in_one_sentence(kind: str, tmp_path: Path) -> None:
    build, words = REFUSED[kind]
    shape = ("N", 40) if kind == "one array for many" else ("N", 4)
    with pytest.raises(FileError, match=words) as refusal:
        from_onnx(build(Made(shape)).save(tmp_path))
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 600


def test_inputs_and_outputs_are_one(tmp_path: Path) -> None:
    path, proto = tmp_path / "made.onnx", Made().linear().proto()
    del proto.graph.output[:]
    onnx.save(proto, path)
    with pytest.raises(FileError, match="what the last layer puts out"):
        from_onnx(path)
    proto.graph.input.append(helper.make_tensor_value_info("z", FLOAT, ["N", 4]))
    onnx.save(proto, path)
    with pytest.raises(FileError, match="one input"):
        from_onnx(path)


def field(number: int, content: bytes) -> bytes:
    """A field of a protobuf message that holds bytes."""
    length, head = len(content), bytes([number << 3 | 2])
    while length > 127:
        head, length = head + bytes([length & 127 | 128]), length >> 7
    return head + bytes([length]) + content


def nested(depth: int) -> bytes:
    content = b""
    for _ in range(depth):
        content = field(1, field(5, field(6, content)))  # a node with an attribute that is a graph
    return field(7, content)


FOREIGN = {
    "nothing": (b"", "an ONNX model"),
    "text": (b"x,y\n1,2\n" * 10, "an ONNX model"),
    "zeros": (bytes(1000), "an ONNX model"),
    "another message": (field(3, b"clearprop"), "an ONNX model"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), "an ONNX model"),
    "a broken packed file": (b"\x1f\x8b\x08\x00" + bytes(30), "broken gzip"),
    "a packed file": (gzip.compress(field(3, bytes(10_000))), "unpack it first"),
    "many empty nodes": (field(7, b"\x0a\x00" * 300_000), "at most 262,144 fields"),
    "many empty arrays": (field(7, b"\x2a\x00" * 300_000), "at most 262,144 fields"),
    "many empty dimensions": (
        field(7, field(11, field(2, field(1, field(2, b"\x0a\x00" * 300_000))))), "at most 262,144 fields"
    ),
    "graphs in graphs": (nested(25), "at most 262,144 fields"),
    "an endless number": (b"\xff" * 50, "an ONNX model"),
}  # fmt: skip


@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_files(kind: str, tmp_path: Path) -> None:
    content, words = FOREIGN[kind]
    (tmp_path / "file.onnx").write_bytes(content)
    with pytest.raises(FileError, match=rf"file\.onnx: .*{words}"):
        from_onnx(tmp_path / "file.onnx")


def test_garbage_is_refused_quickly(tmp_path: Path) -> None:
    (tmp_path / "file.onnx").write_bytes(os.urandom(2**20) * 100)
    start = time.perf_counter()
    with pytest.raises(FileError):
        from_onnx(tmp_path / "file.onnx")
    assert time.perf_counter() - start < 5


def test_absent_or_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileError, match="no such file"):
        from_onnx(tmp_path / "absent.onnx")
    with pytest.raises(FileError, match="folder"):
        from_onnx(tmp_path)
    path = Made().linear().save(tmp_path)
    monkeypatch.setattr(onnx_file, "MOST_BYTES", 20)
    with pytest.raises(FileError, match="at most 2 GiB"):
        from_onnx(path)


def test_damaged_files_are_read_or_refused(tmp_path: Path) -> None:
    """Whatever byte is changed: a model or a FileError, and nothing else."""
    path, rng = tmp_path / "model.onnx", np.random.default_rng(0)
    to_onnx(around(cp.BatchNorm()), path)
    whole = path.read_bytes()
    for _ in range(int(os.environ.get("CLEARPROP_EXAMPLES", "40")) * 5):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), rng.integers(1, 4)):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged[: rng.integers(1, 2 * len(whole))])
        with contextlib.suppress(FileError):
            assert isinstance(from_onnx(path), cp.Model)
