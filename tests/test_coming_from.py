"""The pages for those who come from another library: both columns run, and what the text says of them is so."""

import ast
import importlib.util
import inspect
import os
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clearprop as cp

FOLDER = Path(__file__).parents[1] / "docs" / "coming-from"
PAGES = sorted(path.stem for path in FOLDER.glob("*.md"))
OTHERS = {"keras": "Keras", "pytorch": "PyTorch", "scikit-learn": "scikit-learn"}
NARROW, WIDE = 48, 88  # characters in a line of a block beside another, and in one by itself

Names = dict[str, Any]


@dataclass(frozen=True)
class Block:
    """A block of Python on a page: whose it is, as its first line says, and whether it stands beside another."""

    line: int
    owner: str
    source: str
    beside: bool


def text_of(page: str) -> str:
    return (FOLDER / f"{page}.md").read_text(encoding="utf-8")


def blocks(page: str) -> list[Block]:
    found, beside, start, lines = [], False, 0, text_of(page).splitlines()
    for number, line in enumerate(lines, 1):
        if line.startswith("::::"):
            beside = "side-by-side" in line
        elif line == "```python":
            start = number
        elif line == "```" and start:
            found.append(Block(start, lines[start].removeprefix("# "), "\n".join(lines[start : number - 1]), beside))
            start = 0
    return found


def library(page: str) -> Any:
    """The other library of the page, or a skip where it is not installed."""
    if page == "keras":
        backends = [name for name in ("jax", "torch", "tensorflow") if importlib.util.find_spec(name)]
        if "KERAS_BACKEND" not in os.environ and backends:
            os.environ["KERAS_BACKEND"] = backends[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        name = {"pytorch": "torch", "scikit-learn": "sklearn"}.get(page, page)
        module = pytest.importorskip(name, reason=f"{OTHERS[page]} is not installed")
    if page == "pytorch":
        module.set_num_threads(1)
    return module


Run = Callable[[str, str], Names]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """What the names of a column hold after all of its blocks, each column run once and in a folder of its own."""
    done: dict[tuple[str, str], Names] = {}

    def run(page: str, column: str) -> Names:
        if column != "clearprop":
            library(page)
        if (page, column) not in done:
            names: Names = {"__name__": "__main__"}
            with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
                patch.chdir(tmp_path_factory.mktemp("column"))
                if column != "clearprop":
                    warnings.simplefilter("ignore")  # of what others do
                for block in blocks(page):
                    if column in (block.owner, *block.owner.split(" or ")):
                        code = ast.increment_lineno(ast.parse(block.source), block.line)
                        exec(compile(code, f"{page}.md", "exec"), names)
            done[page, column] = names
        return done[page, column]

    return run


# Every page


@pytest.mark.parametrize("page", PAGES)
def test_every_block_says_whose_it_is_and_is_no_wider_than_its_column(page: str) -> None:
    other = OTHERS[page]
    owners = {"clearprop", other, f"{other} and clearprop", f"{other} or clearprop"}
    for block in blocks(page):
        assert block.owner in owners, f"line {block.line}"
        assert max(map(len, block.source.splitlines())) <= (NARROW if block.beside else WIDE), f"line {block.line}"
    assert sum(block.beside for block in blocks(page)) >= 10
    assert text_of(page).count("```python\n") == len(blocks(page))


@pytest.mark.parametrize("page", PAGES)
def test_the_column_of_clearprop_runs(page: str, ran: Run) -> None:
    assert ran(page, "clearprop")


@pytest.mark.parametrize("page", PAGES)
def test_the_other_column_runs(page: str, ran: Run) -> None:
    assert ran(page, OTHERS[page])


@pytest.mark.parametrize("page", PAGES)
def test_weights_travel(page: str, ran: Run) -> None:
    """The blocks of both libraries, which compare their predictions."""
    if page == "scikit-learn":
        pytest.importorskip("skl2onnx")
    if page != "keras":
        pytest.importorskip("onnx")
    names = ran(page, f"{OTHERS[page]} and clearprop")
    assert names["difference"] < 1e-5


# Names and defaults

CALL = re.compile(r"[A-Za-z_][\w.]*(\(.*\))?")  # a name, with arguments or without


@dataclass(frozen=True)
class Span:
    """What stands in code in a table: as Python, on which side, and whether arguments are written as defaults."""

    text: str
    ours: bool
    defaults: bool


def spans(page: str) -> Iterator[Span]:
    """On the left a module in the head of the table stands before every name."""
    names, module, before = False, "", ""
    for line in text_of(page).splitlines():
        names = line == "## Names" if line.startswith("## ") else names
        if line.startswith("| "):
            cells = [re.findall(r"`([^`]+)`", cell) for cell in line.strip("| ").split(" | ")[:2]]
            if not before.startswith("|"):
                module = "".join(f"{name}." for name in cells[0] if name.split(".")[0] in ("keras", "torch", "sklearn"))
            else:
                for side, texts in enumerate(cells):
                    for text in texts:
                        known = module and not side and CALL.fullmatch(text)
                        yield Span(f"{module}{text}" if known else text, side == 1, names)
        before = line


def resolved(name: str, module: Any) -> Any:
    """What a dotted name stands for, its first part being the module."""
    found = module
    for part in name.split(".")[1:]:
        if part in getattr(found, "__dataclass_fields__", ()):
            return found
        if inspect.ismodule(found) and not hasattr(found, part):
            found = importlib.import_module(f"{found.__name__}.{part}")
        else:
            found = getattr(found, part)
    return found


def check_call(text: str, module: Any, defaults: bool) -> None:
    """The name is there, and so are the arguments, with the defaults that are written."""
    call = ast.parse(text, mode="eval").body
    keywords = call.keywords if isinstance(call, ast.Call) else []
    found = resolved(ast.unparse(call.func if isinstance(call, ast.Call) else call), module)
    if not keywords:
        return
    parameters = inspect.signature(found.__init__ if inspect.isclass(found) else found).parameters
    for keyword in keywords:
        assert keyword.arg in parameters, text
        if defaults:
            written = eval(ast.unparse(keyword.value), {"cp": cp})
            assert parameters[keyword.arg].default == written, f"{text}: {keyword.arg}"


@pytest.mark.parametrize("page", PAGES)
def test_names_of_clearprop_in_the_tables(page: str) -> None:
    calls = [span for span in spans(page) if span.ours and span.text.startswith("cp.")]
    assert len(calls) > 30
    for span in calls:
        check_call(span.text, cp, span.defaults)
    for name in re.findall(r"`(cp(?:\.\w+)+)", text_of(page)):
        resolved(name, cp)


@pytest.mark.parametrize("page", PAGES)
def test_names_of_the_other_library_in_the_tables(page: str) -> None:
    module = library(page)
    calls = [span for span in spans(page) if not span.ours and span.text.startswith(f"{module.__name__}.")]
    assert len(calls) > (5 if page == "scikit-learn" else 30)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for span in calls:
            check_call(span.text, module, span.defaults)


def test_parameters_of_the_estimators() -> None:
    """Those of scikit-learn are in both classes, with the defaults that the table has."""
    learn = pytest.importorskip("sklearn.neural_network")
    from clearprop import sklearn as here

    written = [span.text.split("=", 1) for span in spans("scikit-learn") if span.defaults and not span.ours]
    written = [parts for parts in written if len(parts) == 2 and parts[0].isidentifier()]
    assert len(written) > 15
    for kind in (learn.MLPClassifier, here.MLPClassifier):
        parameters = inspect.signature(kind).parameters
        for name, value in written:
            assert parameters[name].default == ast.literal_eval(value), name


@pytest.mark.parametrize("word", ["relu", "sigmoid", "tanh", "gelu", "silu", "softplus", "softsign"])
def test_activations_by_word(word: str) -> None:
    assert f'`"{word}"`' in text_of("keras")
    assert cp.Network(1, word).outputs == 1
    if importlib.util.find_spec("keras"):
        keras, x = library("keras"), np.linspace(-3, 3, 7, dtype="f")[:, None]
        theirs = keras.ops.convert_to_numpy(keras.activations.get(word)(keras.ops.convert_to_tensor(x)))
        np.testing.assert_allclose(cp.Model(cp.Network(1, word), cp.SquaredError())(x), theirs, atol=1e-6)


# What the pages say of clearprop


@pytest.mark.parametrize("page", ["keras", "pytorch"])
def test_numbers_of_the_clearprop_column(page: str, ran: Run) -> None:
    names = ran(page, "clearprop")
    assert (names["x"].shape, names["t"].shape, names["x_test"].shape) == ((1437, 64), (1437,), (360, 64))
    assert 0.925 < names["accuracy"] < 0.96  # "about 94 %"
    assert names["network"] == cp.Network(64, cp.Dense(32), cp.ReLU(), cp.Dense(10)) == cp.Network(64, 32, "relu", 10)
    straight = cp.Model(names["network"], cp.SoftmaxCrossEntropy())
    cp.fit(straight, names["data"], cp.Adam(0.001), epochs=6)  # what the checkpoint of three and three came to
    resumed = cp.Model(names["network"], cp.SoftmaxCrossEntropy())
    cp.fit(resumed, names["data"], cp.Adam(0.001), epochs=3)
    assert not np.array_equal(resumed.theta, straight.theta)
    assert names["derivation"].steps["delta2"].text == "delta2 = (p - t) / N"


def test_checkpoint_of_three_and_three_epochs(tmp_path: Path) -> None:
    network, data = cp.Network(64, 32, "relu", 10), cp.data.digits()
    for epochs in (3, 6):
        model = cp.Model(network, cp.SoftmaxCrossEntropy())
        report = cp.fit(model, data, cp.Adam(0.001), epochs=epochs, checkpoint=tmp_path)
    straight = cp.Model(network, cp.SoftmaxCrossEntropy())
    cp.fit(straight, data, cp.Adam(0.001), epochs=6)
    assert np.array_equal(model.theta, straight.theta)
    assert [epoch.number for epoch in report.history] == [1, 2, 3, 4, 5, 6]


def test_predictions_of_values_have_one_dimension() -> None:
    assert cp.Model(cp.Network(2, 1), cp.MeanSquaredError()).predict([[1.0, 2.0]]).shape == (1,)
    assert cp.Model(cp.Network(2, 1), cp.SigmoidCrossEntropy()).predict_proba([[1.0, 2.0]]).shape == (1, 1)


def test_seeds_are_zero_and_apart() -> None:
    plain, dropping = cp.Network(64, 32, "relu", 10), cp.Network(64, 32, "relu", cp.Dropout(0.5), 10)
    models = [
        cp.Model(network, cp.SoftmaxCrossEntropy(), **seed)
        for network in (plain, dropping)
        for seed in ({}, {"seed": 0})
    ]
    assert all(np.array_equal(model.theta, models[0].theta) for model in models)
    for model in models[:2]:
        cp.fit(model, cp.data.digits(), epochs=1)
    assert np.array_equal(models[0].theta, models[1].theta)


def test_the_order_of_samples_with_and_without_dropout(monkeypatch: pytest.MonkeyPatch) -> None:
    from clearprop.training import session

    orders: list[Any] = []

    class Noted(session.EpochRun):
        def __init__(self, model: Any, optimizer: Any, feed: Any, order: Any, *rest: Any) -> None:
            orders.append(order)
            super().__init__(model, optimizer, feed, order, *rest)

    monkeypatch.setattr(session, "EpochRun", Noted)
    for network in (cp.Network(64, 10), cp.Network(64, cp.Dropout(0.5), 10)):
        cp.fit(cp.Model(network, cp.SoftmaxCrossEntropy()), cp.data.digits(), epochs=2)
    assert np.array_equal(orders[0], orders[2])
    assert np.array_equal(orders[1], orders[3])
    assert not np.array_equal(orders[0], orders[1])


def test_averages_of_batch_norm_after_an_epoch() -> None:
    """An average with momentum 0.99 still holds 64 % of its start after the 45 batches of an epoch."""
    assert -(-1437 // 32) == 45
    assert round(0.99**45, 2) == 0.64
    model = cp.Model(cp.Network(64, cp.BatchNorm(momentum=0.99), 10), cp.SoftmaxCrossEntropy())
    digits = cp.data.digits()
    cp.fit(model, (np.zeros((1437, 64)), digits.train.t), epochs=1)
    np.testing.assert_allclose(model.arrays()["batchnorm1.variance"], 0.99**45, rtol=1e-5)


def test_the_loop_by_hand_is_that_of_train() -> None:
    network = cp.Network(4, 5, cp.BatchNorm(), "tanh", 3)
    model, x, t = start(network=network)
    work, optimizer = cp.Workspace(model, 10, state=model.state), cp.SGD(0.1, momentum=0.9)
    for _ in range(3):
        for batch in cp.Samples(x, t).batches(10):  # the last one has 4 samples
            cp.loss_and_gradient(model, model.theta, batch, work)
            optimizer.step(model.theta, work.gradient)
    other, _, _ = start(network=network)
    cp.fit(other, (x, t), cp.SGD(0.1, momentum=0.9), epochs=3, batch=10, shuffle=False)
    np.testing.assert_allclose(model.theta, other.theta, rtol=1e-10)
    np.testing.assert_allclose(model.state, other.state, rtol=1e-10)


def test_a_schedule_changes_at_every_step() -> None:
    model, rates = cp.Model(cp.Network(64, 10), cp.SoftmaxCrossEntropy()), []

    class Noted(cp.SGD):
        def step(self, theta: Any, gradient: Any) -> None:
            rates.append(self.learning_rate)
            super().step(theta, gradient)

    cp.fit(model, cp.data.digits(), Noted(0.1), epochs=2, schedule=cp.Cosine())
    assert len(rates) == 90
    assert np.all(np.diff(rates) < 0)


# The other column, and what the libraries do with the same numbers


def start(dtype: str = "float64", network: cp.Network | None = None) -> tuple[cp.Model, Any, Any]:
    """A small model whose biases are not 0, and 64 samples."""
    rng = np.random.default_rng(0)
    model = cp.Model(network or cp.Network(4, 5, "tanh", 3), cp.SoftmaxCrossEntropy(), seed=1, dtype=dtype)
    for name, values in model.weights.items():
        if name.endswith(".b"):
            values[...] = rng.normal(size=values.shape)
    return model, rng.normal(size=(64, 4)), rng.integers(0, 3, 64)


def trained(optimizer: cp.Optimizer, dtype: str, options: Names) -> tuple[cp.Model, list[cp.Epoch]]:
    model, x, t = start(dtype)
    options = {"epochs": 3, "batch": 16, "shuffle": False} | options
    return model, list(cp.train(model, (x, t), optimizer, **options))


KERAS: dict[str, tuple[cp.Optimizer, str, Names, Names, bool]] = {
    "SGD": (cp.SGD(0.1), "SGD(0.1)", {}, {}, True),
    "momentum": (cp.SGD(0.1, 0.9), "SGD(0.1, 0.9)", {}, {}, True),
    "Nesterov": (cp.SGD(0.1, 0.9, nesterov=True), "SGD(0.1, 0.9, nesterov=True)", {}, {}, True),
    "Adam but for epsilon": (cp.Adam(0.01, epsilon=1e-12), "Adam(0.01, epsilon=1e-12)", {}, {}, True),
    "Adam, a large epsilon": (cp.Adam(0.01, epsilon=0.1), "Adam(0.01, epsilon=0.1)", {}, {}, False),
    "RMSprop": (cp.RMSProp(0.01), "RMSprop(0.01)", {}, {}, False),
    "RMSprop but for epsilon": (cp.RMSProp(0.01, epsilon=1e-12), "RMSprop(0.01, epsilon=1e-12)", {}, {}, True),
    "Adagrad": (cp.AdaGrad(0.01), "Adagrad(0.01)", {}, {}, False),
    "Nadam": (cp.Nadam(0.01), "Nadam(0.01)", {}, {}, False),
    "Lion": (cp.Lion(0.001), "Lion()", {}, {}, True),
    "AdamW": (
        cp.AdamW(0.01, epsilon=1e-12, weight_decay=0.1, decay_biases=True),
        "AdamW(0.01, epsilon=1e-12, weight_decay=0.1)", {}, {}, True,
    ),
    "AdamW, matrices only": (
        cp.AdamW(0.01, epsilon=1e-12, weight_decay=0.1), "AdamW(0.01, epsilon=1e-12, weight_decay=0.1)", {}, {}, False
    ),
    "weight decay": (
        cp.SGD(0.1, 0.9), "SGD(0.1, 0.9, weight_decay=0.1)",
        {"penalties": cp.WeightDecay(0.1, biases=True)}, {}, True,
    ),
    "L2 at twice the number": (
        cp.SGD(0.1), "SGD(0.1)", {"penalties": cp.L2(0.02)}, {"kernel_regularizer": "L2(0.01)"}, True
    ),
    "L2 at the same number": (
        cp.SGD(0.1), "SGD(0.1)", {"penalties": cp.L2(0.01)}, {"kernel_regularizer": "L2(0.01)"}, False
    ),
    "L2 of biases too": (
        cp.SGD(0.1), "SGD(0.1)", {"penalties": cp.L2(0.02, biases=True)},
        {"kernel_regularizer": "L2(0.01)", "bias_regularizer": "L2(0.01)"}, True,
    ),
    "L1 and L2": (
        cp.SGD(0.1), "SGD(0.1)", {"penalties": [cp.L1(0.02), cp.L2(0.06)]},
        {"kernel_regularizer": "L1L2(0.02, 0.03)"}, True,
    ),
    "MaxNorm": (
        cp.SGD(0.1), "SGD(0.1)", {"penalties": cp.MaxNorm(0.7)}, {"kernel_constraint": "MaxNorm(0.7, axis=0)"}, True
    ),
    "the norm of all": (cp.SGD(0.1, clip_norm=0.2), "SGD(0.1, global_clipnorm=0.2)", {}, {}, True),
    "the norm of each": (cp.SGD(0.1, clip_norm=0.2), "SGD(0.1, clipnorm=0.2)", {}, {}, False),
    "clipped values": (cp.SGD(0.1, clip_value=0.05), "SGD(0.1, clipvalue=0.05)", {}, {}, True),
    "Cosine": (cp.SGD(0.1), "SGD(CosineDecay(0.1, 12))", {"schedule": cp.Cosine()}, {}, True),
    "ExponentialDecay": (
        cp.SGD(0.1), "SGD(ExponentialDecay(0.1, 4, 0.5))", {"schedule": cp.ExponentialDecay(0.5)}, {}, True
    ),
    "StepDecay": (
        cp.SGD(0.1), "SGD(ExponentialDecay(0.1, 4, 0.5, staircase=True))", {"schedule": cp.StepDecay(0.5, every=1)},
        {}, True,
    ),
    "InverseTime": (
        cp.SGD(0.1), "SGD(InverseTimeDecay(0.1, 4, 0.5))", {"schedule": cp.InverseTime(0.5)}, {}, True
    ),
}  # fmt: skip


def of_keras(keras: Any, expression: str) -> Any:
    names = {**vars(keras.optimizers), **vars(keras.optimizers.schedules), **vars(keras.regularizers)}
    return eval(expression, names | vars(keras.constraints))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", KERAS)
def test_keras_takes_the_same_steps(case: str) -> None:
    keras = library("keras")
    ours, theirs, options, of_layers, same = KERAS[case]
    model, x, t = start("float32")
    settings = {name: of_keras(keras, text) for name, text in of_layers.items()}
    other = keras.Sequential([
        keras.Input((4,)),
        keras.layers.Dense(5, "tanh", **settings),
        keras.layers.Dense(3, **settings),
    ])  # fmt: skip
    other.set_weights(list(model.weights.values()))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    other.compile(of_keras(keras, theirs), loss, run_eagerly=True)
    history = other.fit(x, t, batch_size=16, epochs=3, shuffle=False, validation_data=(x, t), verbose=0).history
    model, epochs = trained(ours, "float32", options)
    assert agree(model.weights.values(), other.get_weights(), 2e-5) == same
    if case == "L2 at twice the number":
        assert epochs[-1].loss == pytest.approx(history["loss"][-1], rel=1e-5)
        found = model.evaluate((x, t)).loss
        squares = sum(float((W**2).sum()) for name, W in model.weights.items() if name.endswith("W"))
        assert history["val_loss"][-1] == pytest.approx(found + 0.01 * squares, rel=1e-5)  # it holds the penalty


def agree(ours: Any, theirs: Any, tolerance: float) -> bool:
    """Whether all arrays are equal to `tolerance`; where they are not, they must be much further apart."""
    gap = max(float(np.abs(np.asarray(a) - np.asarray(b)).max()) for a, b in zip(ours, theirs, strict=True))
    assert gap <= tolerance or gap > 20 * tolerance
    return gap <= tolerance


@pytest.mark.filterwarnings("ignore")
def test_losses_of_keras() -> None:
    keras = library("keras")
    z, y, labels, counts, weight = drawn()
    binary, losses = (y > 0).astype("f"), keras.losses
    for loss, t, theirs, factor in [
        (cp.MeanSquaredError(), y, losses.MeanSquaredError()(y, z), 1),
        (cp.SquaredError(), y, losses.MeanSquaredError()(y, z), 3 / 2),
        (cp.MeanAbsoluteError(), y, losses.MeanAbsoluteError()(y, z), 1),
        (cp.Huber(0.7), y, losses.Huber(0.7)(y, z), 1),
        (cp.SigmoidCrossEntropy(), binary, losses.BinaryCrossentropy(from_logits=True)(binary, z), 3),
        (cp.SoftmaxCrossEntropy(), labels, losses.SparseCategoricalCrossentropy(from_logits=True)(labels, z), 1),
        (cp.SoftmaxCrossEntropy(0.1), labels,
         losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)(np.eye(3)[labels], z), 1),
    ]:  # fmt: skip
        assert value_of(loss, z, t) == pytest.approx(factor * float(theirs), rel=1e-5)
    of_rates = 3 * float(losses.Poisson()(counts, np.exp(z))) + offset(counts)
    assert value_of(cp.Poisson(), z, counts) == pytest.approx(of_rates, rel=1e-4)
    weighted = losses.SparseCategoricalCrossentropy(from_logits=True)(labels, z, sample_weight=weight)
    assert value_of(cp.SoftmaxCrossEntropy(), z, labels, weight) * weight.mean() == pytest.approx(float(weighted))


def drawn() -> tuple[Any, ...]:
    """Outputs (8, 3), values, labels, counts and weights of samples."""
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(2, 8, 3)).astype("f")
    return z, y, rng.integers(0, 3, 8), rng.poisson(2, (8, 3)).astype("f"), rng.uniform(0.5, 3, 8).astype("f")


def value_of(loss: cp.Loss, z: Any, *t: Any) -> float:
    """The loss of outputs z (N, 3)."""
    return cp.Model(cp.Network(3, "identity"), loss, dtype="float64").evaluate((z, *t)).loss


def offset(counts: Any) -> float:
    """What the Poisson loss adds so that the best is 0, a mean over samples."""
    return float((counts * np.log(np.maximum(counts, 1)) - counts).sum(axis=1).mean())


@pytest.mark.filterwarnings("ignore")
def test_numbers_of_the_keras_column(ran: Run) -> None:
    names = ran("keras", "Keras")
    assert 0.915 < names["accuracy"] < 0.96  # "about 94 %"
    assert names["probabilities"].shape == (360, 10)
    assert names["again"].count_params() == names["again"].count_params() > 0


@pytest.mark.filterwarnings("ignore")
def test_batch_norm_of_keras_takes_the_variance_over_n() -> None:
    keras = library("keras")
    model, x, t = start("float32", cp.Network(4, cp.BatchNorm(momentum=0.99, epsilon=0.001), 3))
    norm, dense = keras.layers.BatchNormalization(), keras.layers.Dense(3)
    other = keras.Sequential([keras.Input((4,)), norm, dense])
    dense.set_weights([model.weights["dense1.W"], model.weights["dense1.b"]])
    other.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), run_eagerly=True)
    other.fit(x, t, batch_size=16, epochs=2, shuffle=False, verbose=0)
    cp.fit(model, (x, t), cp.SGD(0.01), epochs=2, batch=16, shuffle=False)
    arrays = model.arrays()
    for name, values in zip(("gamma", "beta", "mean", "variance"), norm.get_weights(), strict=True):
        np.testing.assert_allclose(arrays[f"batchnorm1.{name}"], values, rtol=1e-5, atol=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_onnx_files_of_keras(tmp_path: Path) -> None:
    keras = library("keras")
    pytest.importorskip("onnx")
    if keras.backend.backend() != "torch":
        pytest.skip("Keras writes ONNX without TensorFlow from PyTorch only")
    layers, x = keras.layers, np.random.default_rng(0).random((5, 4), "f")
    other = keras.Sequential(
        [keras.Input((4,)), layers.Dense(5, "relu"), layers.Dropout(0.2), layers.Dense(3, "softmax")]
    )
    theirs = other.predict(x, verbose=0)
    other.export(tmp_path / "k.onnx", format="onnx", verbose=False)
    model = cp.from_onnx(tmp_path / "k.onnx")
    assert model.loss == cp.SoftmaxCrossEntropy()
    np.testing.assert_allclose(model.predict_proba(x), theirs, atol=1e-6)
    other = keras.Sequential([keras.Input((4,)), layers.Dense(5), layers.BatchNormalization(), layers.Dense(3)])
    other.predict(x, verbose=0)
    other.export(tmp_path / "k.onnx", format="onnx", verbose=False)
    with pytest.raises(cp.FileError, match="node"):
        cp.from_onnx(tmp_path / "k.onnx")


@pytest.mark.filterwarnings("ignore")
def test_starts_and_settings_of_keras() -> None:
    keras = library("keras")
    values = keras.ops.convert_to_numpy(keras.initializers.HeNormal(seed=0)((400, 400)))
    assert values.std() == pytest.approx(np.sqrt(2 / 400), rel=0.01)
    assert float(keras.activations.leaky_relu(-1.0)) == pytest.approx(-0.2)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", run_eagerly=True)
    for _ in range(2):
        model.fit(np.ones((64, 4)), np.zeros(64), verbose=0)
    assert int(model.optimizer.iterations) == 4  # batches of 32, and the optimizer goes on in the second call


TORCH: dict[str, tuple[cp.Optimizer, str, Names, bool]] = {
    "SGD": (cp.SGD(0.1), "SGD(p, 0.1)", {}, True),
    "momentum": (cp.SGD(0.1, 0.9), "SGD(p, 0.1, 0.9)", {}, True),
    "Nesterov": (cp.SGD(0.1, 0.9, nesterov=True), "SGD(p, 0.1, 0.9, nesterov=True)", {}, True),
    "Adam": (cp.Adam(0.01), "Adam(p, 0.01)", {}, True),
    "Adam, a large epsilon": (cp.Adam(0.01, epsilon=0.1), "Adam(p, 0.01, eps=0.1)", {}, True),
    "AdamW": (cp.AdamW(0.01, decay_biases=True), "AdamW(p, 0.01)", {}, True),
    "AdamW, matrices only": (cp.AdamW(0.01), "AdamW(p, 0.01)", {}, False),
    "RMSprop": (cp.RMSProp(0.01, rho=0.99, epsilon=1e-8), "RMSprop(p)", {}, True),
    "Adagrad": (cp.AdaGrad(), "Adagrad(p)", {}, True),
    "NAdam": (cp.Nadam(0.01), "NAdam(p, 0.01)", {}, False),
    "weight decay, Adam": (
        cp.Adam(0.01), "Adam(p, 0.01, weight_decay=0.1)", {"penalties": cp.L2(0.1, biases=True)}, True
    ),
    "weight decay, momentum": (
        cp.SGD(0.1, 0.9), "SGD(p, 0.1, 0.9, weight_decay=0.1)", {"penalties": cp.L2(0.1, biases=True)}, True
    ),
    "weight decay, matrices only": (
        cp.SGD(0.1, 0.9), "SGD(p, 0.1, 0.9, weight_decay=0.1)", {"penalties": cp.L2(0.1)}, False
    ),
    "weight decay beside the gradient": (
        cp.SGD(0.1), "SGD(p, 0.1, weight_decay=0.1)", {"penalties": cp.WeightDecay(0.1, biases=True)}, True
    ),
    "weight decay beside the gradient, momentum": (
        cp.SGD(0.1, 0.9), "SGD(p, 0.1, 0.9, weight_decay=0.1)", {"penalties": cp.WeightDecay(0.1, biases=True)}, False
    ),
    "StepLR": (cp.SGD(0.1), "SGD(p, 0.1)", {"schedule": cp.StepDecay(0.5, every=1)}, True),
    "StepLR, momentum": (cp.SGD(0.1, 0.9), "SGD(p, 0.1, 0.9)", {"schedule": cp.StepDecay(0.5, every=1)}, False),
    "clipped": (cp.SGD(0.1, clip_norm=0.2), "SGD(p, 0.1)", {}, True),
}  # fmt: skip


@pytest.mark.parametrize("case", TORCH)
def test_pytorch_takes_the_same_steps(case: str) -> None:
    torch = library("pytorch")
    ours, theirs, options, same = TORCH[case]
    model, x, t = start()
    other = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Tanh(), torch.nn.Linear(5, 3)).double()
    with torch.no_grad():
        for layer, name in ((other[0], "dense1"), (other[2], "dense2")):
            layer.weight.copy_(torch.tensor(model.weights[f"{name}.W"].T))
            layer.bias.copy_(torch.tensor(model.weights[f"{name}.b"]))
    optimizer = eval(theirs, vars(torch.optim) | {"p": other.parameters()})
    decay = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
    loss_of, inputs, labels = torch.nn.CrossEntropyLoss(), torch.tensor(x), torch.tensor(t)
    for _ in range(3):
        for i in range(0, 64, 16):
            optimizer.zero_grad()
            loss_of(other(inputs[i : i + 16]), labels[i : i + 16]).backward()
            if case == "clipped":
                torch.nn.utils.clip_grad_norm_(other.parameters(), 0.2)
            optimizer.step()
        if "StepLR" in case:
            decay.step()
    model, _ = trained(ours, "float64", options)
    values = [other[0].weight.T, other[0].bias, other[2].weight.T, other[2].bias]
    close = 1e-6 if case == "clipped" else 1e-10  # PyTorch adds 1e-6 to the norm
    assert agree(model.weights.values(), [array.detach().numpy() for array in values], close) == same


def test_losses_of_pytorch() -> None:
    torch = library("pytorch")
    z, y, labels, counts, weight = drawn()
    binary, nn, of = (y > 0).astype("f"), torch.nn, torch.tensor
    for loss, t, theirs, factor in [
        (cp.MeanSquaredError(), y, nn.MSELoss()(of(z), of(y)), 1),
        (cp.SquaredError(), y, nn.MSELoss()(of(z), of(y)), 3 / 2),
        (cp.MeanAbsoluteError(), y, nn.L1Loss()(of(z), of(y)), 1),
        (cp.Huber(0.7), y, nn.HuberLoss(delta=0.7)(of(z), of(y)), 1),
        (cp.Huber(0.7), y, nn.SmoothL1Loss(beta=0.7)(of(z), of(y)), 0.7),
        (cp.SigmoidCrossEntropy(), binary, nn.BCEWithLogitsLoss()(of(z), of(binary)), 3),
        (cp.SoftmaxCrossEntropy(0.1), labels, nn.CrossEntropyLoss(label_smoothing=0.1)(of(z), of(labels)), 1),
    ]:
        assert value_of(loss, z, t) == pytest.approx(factor * float(theirs), rel=1e-5)
    of_logs = 3 * float(nn.PoissonNLLLoss()(of(z), of(counts))) + offset(counts)
    assert value_of(cp.Poisson(), z, counts) == pytest.approx(of_logs, rel=1e-5)
    weighted = nn.CrossEntropyLoss(weight=of(weight[:3]))(of(z), of(labels))
    assert value_of(cp.SoftmaxCrossEntropy(), z, labels, weight[labels]) == pytest.approx(float(weighted), rel=1e-5)


def test_numbers_of_the_pytorch_column(ran: Run) -> None:
    names, ours = ran("pytorch", "PyTorch"), ran("pytorch", "clearprop")
    assert 0.915 < names["accuracy"] < 0.96  # "about 94 %"
    assert names["probabilities"].shape == (360, 10)
    assert abs(names["deeper"] - ours["deeper"]) < 0.03
    assert names["best"] > 0.93
    assert ours["best"] > 0.93


def test_what_onnx_keeps_of_the_pytorch_network(ran: Run) -> None:
    pytest.importorskip("onnx")
    names = ran("pytorch", "PyTorch and clearprop")
    kept = [layer for layer in names["network"] if not isinstance(layer, cp.Dropout)]
    assert names["read"].network == cp.Network(64, *kept)


def test_variance_of_batch_norm_in_pytorch() -> None:
    """Over N - 1 in the running average: 3 % more at batches of 32."""
    torch = library("pytorch")
    x = np.random.default_rng(0).normal(size=(32, 4))
    theirs = torch.nn.BatchNorm1d(4).double()
    theirs(torch.tensor(x))
    model = cp.Model(cp.Network(4, cp.BatchNorm(), 3), cp.SoftmaxCrossEntropy(), dtype="float64")
    cp.fit(model, (x, np.arange(32) % 3), epochs=1)
    arrays = model.arrays()
    np.testing.assert_allclose(arrays["batchnorm1.mean"], theirs.running_mean.numpy(), rtol=1e-10)
    ours, others = arrays["batchnorm1.variance"] - 0.9, theirs.running_var.numpy() - 0.9  # 0.9 of the 1 at the start
    np.testing.assert_allclose(others / ours, 32 / 31)
    assert round(100 * (32 / 31 - 1)) == 3


def test_linear_of_pytorch_starts_elsewhere() -> None:
    torch = library("pytorch")
    theirs = torch.nn.Linear(64, 1000)
    for values in (theirs.weight, theirs.bias):
        assert 0.99 / 8 < values.abs().max().item() <= 1 / 8  # 1 / sqrt(64)
    model = cp.Model(cp.Network(64, 1000), cp.SoftmaxCrossEntropy())
    assert not model.weights["dense1.b"].any()
    assert cp.Model(cp.Network(64, 32), cp.SoftmaxCrossEntropy()).weights["dense1.W"].max() > 1 / 8


def test_initializers_of_pytorch() -> None:
    init, torch = library("pytorch").nn.init, library("pytorch")
    for fill, ours in [
        (init.xavier_uniform_, cp.GlorotUniform()),
        (init.xavier_normal_, cp.GlorotNormal()),
        (init.kaiming_uniform_, cp.HeUniform()),
        (init.kaiming_normal_, cp.HeNormal()),
    ]:
        W, values = np.empty((300, 500)), torch.empty(500, 300)
        ours.fill(np.random.default_rng(0), W)
        assert fill(values).std().item() == pytest.approx(W.std(), rel=0.02)


def test_one_cycle_of_pytorch() -> None:
    torch, steps = library("pytorch"), 1000
    optimizer = torch.optim.SGD(torch.nn.Linear(1, 1).parameters(), lr=1.0)
    cycle, theirs = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=steps), []
    for _ in range(steps):
        theirs.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        cycle.step()
    from clearprop.training.schedules import Progress

    ours = [cp.OneCycle().factor(Progress(i / steps, 0.0, 0)) for i in range(steps)]
    np.testing.assert_allclose(theirs, ours, atol=0.01)


@pytest.mark.filterwarnings("ignore")
def test_the_newer_exporter_of_pytorch(tmp_path: Path) -> None:
    torch = library("pytorch")
    pytest.importorskip("onnxscript")
    net, x = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Softmax(dim=1)).eval(), torch.rand(5, 4)
    torch.onnx.export(net, (x,), tmp_path / "t.onnx", external_data=False, verbose=False)
    np.testing.assert_allclose(cp.from_onnx(tmp_path / "t.onnx").predict_proba(x.numpy()), net(x).detach(), atol=1e-6)


# scikit-learn


def test_numbers_of_the_scikit_learn_page(ran: Run) -> None:
    theirs, ours = ran("scikit-learn", "scikit-learn"), ran("scikit-learn", "clearprop")
    for names in (theirs, ours):
        assert 0.935 < names["accuracy"] < 0.965  # "about 95 %"
        assert 0.935 < names["own"] < 0.965
        assert names["chosen"] == {"mlpclassifier__alpha": 0.0001}
        assert names["best"] > 0.93
    scores = [names["search"].cv_results_["mean_test_score"] for names in (theirs, ours)]
    np.testing.assert_allclose(scores[0], scores[1])
    assert np.array_equal(theirs["matrix"].shape, ours["matrix"].shape)
    assert len(ours["losses"]) > len(theirs["losses"])  # "it stops later"
    assert min(ours["deeper"], ours["deeper_own"]) > 0.94
    assert ours["z"].shape == (360, 10)


def test_the_estimators_end_with_the_same_weights() -> None:
    learn = pytest.importorskip("sklearn.neural_network")
    from clearprop import sklearn as here

    digits, fitted = cp.data.digits(), []
    for kind in (learn.MLPClassifier, here.MLPClassifier):
        fitted.append(kind((32,), learning_rate_init=0.01, random_state=0))
        fitted[-1].fit(digits.train.x / 16.0, digits.train.t)
    assert fitted[0].n_iter_ == fitted[1].n_iter_
    assert 110 < fitted[0].n_iter_ < 130  # "about 120"
    for a, b in zip(fitted[0].coefs_, fitted[1].coefs_, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-10)


@pytest.mark.filterwarnings("ignore")
def test_alpha_of_scikit_learn_over_the_batch() -> None:
    learn = pytest.importorskip("sklearn.neural_network")
    digits = cp.data.digits()
    x, t = digits.train.x[:1400] / 16.0, digits.train.t[:1400]
    options = {"solver": "sgd", "alpha": 1.0, "momentum": 0.0, "batch_size": 100, "shuffle": False, "random_state": 0}
    still = learn.MLPClassifier((32,), learning_rate_init=1e-300, max_iter=1, **options).fit(x, t)
    theirs = learn.MLPClassifier((32,), learning_rate_init=0.1, max_iter=3, **options).fit(x, t)
    model = cp.Model(cp.Network(64, 32, "relu", 10), cp.SoftmaxCrossEntropy(), dtype="float64")
    for i, (W, b) in enumerate(zip(still.coefs_, still.intercepts_, strict=True), 1):
        assert b.any()  # "biases start in the interval of the weights there"
        assert not model.weights[f"dense{i}.b"].any()
        model.weights[f"dense{i}.W"], model.weights[f"dense{i}.b"] = W, b
    epochs = list(cp.train(model, (x, t), cp.SGD(0.1), 3, 100, shuffle=False, penalties=cp.L2(1.0 / 100)))
    assert agree(
        [model.weights["dense1.W"], model.weights["dense2.b"]], [theirs.coefs_[0], theirs.intercepts_[1]], 1e-8
    )
    assert epochs[-1].loss == pytest.approx(theirs.loss_)


@pytest.mark.filterwarnings("ignore")
def test_patience() -> None:
    """n_iter_no_change=n stops after n + 1 epochs without a gain, patience=n after n; the first epoch is a gain."""
    learn = pytest.importorskip("sklearn.neural_network")
    digits = cp.data.digits()
    theirs = learn.MLPClassifier((4,), tol=1e9, n_iter_no_change=3, max_iter=20).fit(digits.train.x, digits.train.t)
    assert theirs.n_iter_ == 1 + 3 + 1
    model = cp.Model(cp.Network(64, 10), cp.SoftmaxCrossEntropy())
    stopping = cp.EarlyStopping("loss", patience=3, minimum_gain=1e9)
    assert len(cp.fit(model, digits, epochs=20, stopping=stopping).history) == 1 + 3


@pytest.mark.filterwarnings("ignore")
def test_loss_of_several_targets() -> None:
    learn = pytest.importorskip("sklearn.neural_network")
    from clearprop import sklearn as here

    x = np.random.default_rng(0).normal(size=(50, 3))
    a, b = (
        kind.MLPRegressor(hidden_layer_sizes=(4,), alpha=0.0, max_iter=3, random_state=0).fit(x, x)
        for kind in (learn, here)
    )
    assert b.loss_ == pytest.approx(3 * a.loss_)
    np.testing.assert_allclose(a.coefs_[0], b.coefs_[0], atol=1e-12)
