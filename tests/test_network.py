"""Network: a value that says shapes, names and where parameters lie."""

import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import clearprop as cp

ACTIVATIONS = sorted(
    name.lower()
    for name, kind in cp.Layer.members.items()
    if issubclass(kind, cp.Activation) and kind.__module__.startswith("clearprop.")
)


def test_shorthand_is_the_same_network() -> None:
    assert cp.Network(784, 100, "relu", 10) == cp.Network(784, cp.Dense(100), cp.ReLU(), cp.Dense(10))
    assert cp.Network(784, [100, "relu", 10]) == cp.Network(784, 100, "relu", 10)
    assert hash(cp.Network(3, 2)) == hash(cp.Network(3, 2))
    assert cp.Network(3, 2) != cp.Network(3, 4)
    assert repr(cp.Network(2, 3, "leaky-relu")) == "Network(2, Dense(3), LeakyReLU())"


@given(
    st.integers(1, 50), st.lists(st.one_of(st.integers(1, 50), st.sampled_from(ACTIVATIONS)), min_size=1, max_size=8)
)
def test_repr_json_and_pickle_give_the_network_back(inputs: int, layers: list[int | str]) -> None:
    network = cp.Network(inputs, *layers)
    assert cp.Network.from_json(network.to_json()) == network
    assert eval(repr(network), vars(cp)) == network
    assert pickle.loads(pickle.dumps(network)) == network
    assert network.theta.size == sum(slot.stop - slot.start for slot in network.theta)
    assert [slot.start for slot in network.theta][1:] == [slot.stop for slot in network.theta][:-1]


def test_layers_have_names() -> None:
    network = cp.Network(4, 3, "tanh", cp.Dense(3, name="middle"), "tanh", 2)
    assert network.names == ("dense1", "tanh1", "middle", "tanh2", "dense3")
    assert [slot.name for slot in network.theta][2:4] == ["middle.W", "middle.b"]
    assert cp.Network(4, cp.Dense(3), cp.Dense(3, name="dense1")).names == ("dense2", "dense1")


def test_summary_is_a_table() -> None:
    text = str(cp.Network(784, 100, "relu", 10).summary())
    assert "79,510 parameters, 310.6 KiB in float32; 158,900 FLOPs per sample" in text
    lines = text.splitlines()
    assert "dense1" in lines[3]
    assert "(N, 100)" in lines[3]
    assert "78,500" in lines[3]
    html = cp.Network(3, cp.Dense(2, name="a")).summary()._repr_html_()
    assert html.startswith("<table>")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: cp.Network(0, 3), "width of the input"),
        (lambda: cp.Network(3), "1 to 1000 layers"),
        (lambda: cp.Network(cp.Dense(3)), "width of the input first"),
        (lambda: cp.Network(3, "rleu"), "did you mean relu"),
        (lambda: cp.Network(3, "dropout"), r"cp.Dropout\(...\)"),
        (lambda: cp.Network(3, cp.ReLU), r"cp.ReLU\(\)"),
        (lambda: cp.Network(3, 2.5), "layer 1 of Network"),
        (lambda: cp.Network(3, 4, None), "layer 2 of Network"),
        (lambda: cp.Network(3, 0), "layer 1 of Network"),
        (lambda: cp.Network(2**20, 2**20), "parameters"),
        (lambda: cp.Network(3, cp.Dense(2, name="a"), cp.Dense(2, name="a")), "a twice"),
        (lambda: cp.Network.from_json("{"), "JSON"),
        (lambda: cp.Network.from_json("[" * 100_000), "JSON"),
        (lambda: cp.Network.from_json('{"inputs": 3}'), '"layers"'),
        (lambda: cp.Network.from_json('{"inputs": "x", "layers": [{"kind": "ReLU"}]}'), "width of the input"),
        (lambda: cp.Network.from_json('{"inputs": 3, "layers": [{"kind": "Dense", "units": -1}]}'), "units"),
        (lambda: cp.Network.from_json('{"inputs": 3, "layers": [{"kind": "system"}]}'), "imported first"),
    ],
)
def test_impossible_networks_are_named(make, says: str) -> None:
    with pytest.raises(cp.SettingError, match=says):
        make()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
            ["inputs", "layers", "kind", "units", "name", "initializer", "rate"]), inner, max_size=4),
        max_leaves=12,
    )
)  # fmt: skip
def test_no_json_does_more_than_be_refused(data: object) -> None:
    try:
        network = cp.Network.from_json(json.dumps(data))
    except cp.ClearpropError:
        return
    assert isinstance(network, cp.Network)


def test_parameters_are_views_of_one_vector() -> None:
    model = cp.Model(cp.Network(3, 2, "relu", 1), cp.SquaredError())
    assert list(model.weights) == ["dense1.W", "dense1.b", "dense2.W", "dense2.b"]
    model.weights["dense1.b"][...] = 7
    assert model.theta[6:8].tolist() == [7, 7]
    model.weights["dense2.W"] = [[1], [2]]
    assert model.theta[8:10].tolist() == [1, 2]
    model.theta = np.zeros(11)
    assert not model.weights["dense1.b"].any()
    with pytest.raises(cp.ShapeError, match=r"dense2.W: wanted numbers of shape \(2, 1\)"):
        model.weights["dense2.W"] = [1, 2]
    with pytest.raises(cp.SettingError, match=r"did you mean dense1\.W"):
        model.weights["dense1.w"]
    with pytest.raises(cp.ShapeError, match="theta"):
        model.theta = np.zeros(10)
    with pytest.raises(cp.DataError, match="finite"):
        model.theta = np.full(11, np.nan)
