import numpy as np
import pytest

import clearprop as cp
from clearprop.arrays.errors import ClearpropError, DataError, SettingError, ShapeError
from clearprop.data.dataset import Dataset, Samples, one_hot
from clearprop.data.scaling import Scaling
from clearprop.data.validation import check_labels

THREE = Samples(np.arange(6.0).reshape(3, 2), [0, 1, 1], [1, 2, 3])


def test_types():
    assert Samples(np.zeros((2, 2), np.uint8), [0, 1]).x.dtype == np.uint8
    assert Samples([[True]], [1]).x.dtype == np.uint8
    assert Samples([[1, 2**24]], [0]).x.dtype == np.float32
    assert Samples([[1, 2**24 + 1]], [0]).x.dtype == np.float64
    assert Samples(np.zeros((1, 1), np.float16), [0]).x.dtype == np.float32
    assert Samples([["1.5", "2"]], [0]).x.tolist() == [[1.5, 2]]
    assert Samples([[1.0]], np.array([3], np.uint8)).t.dtype == np.intp
    assert Samples([[1.0]], np.array([3], np.float16)).t.dtype == np.float64
    assert Samples([[1.0]], [[1.0, 2.0]]).t.shape == (1, 2)


@pytest.mark.parametrize(
    ("x", "t", "error", "message"),
    [
        ([1.0, 2.0], [0, 1], ShapeError, "two dimensions"),
        (3, [0], ShapeError, "two dimensions"),
        ([[1.0], [1.0, 2.0]], [0, 1], ShapeError, "equal length"),
        ([[1.0]], [0, 1], ShapeError, "1 targets"),
        (np.zeros((0, 3)), [], DataError, "at least one"),
        (np.zeros((3, 0)), [0, 0, 0], DataError, "one feature"),
        ([[1.0, np.nan]], [0], DataError, "x, row 0, column 1: wanted a finite number, got nan"),
        ([[np.inf, -np.inf]], [0], DataError, "row 0, column 0"),
        ([[1.0, "a"]], [0], DataError, "row 0, column 1: wanted a number"),
        ([[1.0, None]], [0], DataError, "row 0, column 1: wanted a number, got None"),
        ([[1j]], [0], DataError, "complex"),
        (np.zeros((1, 1), "M8[s]"), [0], DataError, "datetime"),
        ([[1.0]], [np.nan], DataError, "targets, row 0"),
        ([[1.0]], [[[1]]], ShapeError, "shape"),
        ([[1.0]], np.array([2**63], np.uint64), DataError, "labels below"),
    ],
)
def test_what_is_no_sample(x, t, error, message):
    with pytest.raises(error, match=message):
        Samples(x, t)


def test_large_numbers_are_no_reason_to_warn():
    assert len(Samples(np.full((3, 3), 3e38, np.float32), [0, 1, 1])) == 3


@pytest.mark.parametrize("weight", [[1, 2], [-1, 1, 1], [0, 0, 0], [np.nan, 1, 1], [[1], [1], [1]], ["a", 1, 1]])
def test_what_is_no_weight(weight):
    with pytest.raises(ClearpropError):
        Samples(THREE.x, THREE.t, weight)


def test_selections():
    assert THREE[1:].t.tolist() == [1, 1]
    assert THREE[1].x.tolist() == [[2, 3]]
    assert THREE[[2, 0]].weight.tolist() == [3, 1]
    assert len(THREE[np.array([True, False, True])]) == 2
    assert np.shares_memory(THREE[:2].x, THREE.x)
    for rows in ([5], [], slice(3, 9), "a", None, (slice(None), 0), [1.5], np.array([True]), -4):
        with pytest.raises(DataError):
            THREE[rows]


def test_batches_visit_every_sample_once():
    samples = Samples(np.arange(10.0)[:, None], np.arange(10))
    assert [len(batch) for batch in samples.batches(4)] == [4, 4, 2]
    first = [label for batch in samples.batches(3, seed=1) for label in batch.t.tolist()]
    again = [label for batch in samples.batches(3, seed=1) for label in batch.t.tolist()]
    assert first == again != sorted(first)
    assert sorted(first) == list(range(10))
    with pytest.raises(SettingError):
        next(samples.batches(0))


def test_take_and_split_keep_the_shares():
    samples = Samples(np.zeros((300, 1)), np.repeat([0, 1, 2], [200, 70, 30]))
    assert np.bincount(samples.take(30).t).tolist() == [20, 7, 3]
    assert samples.take(300) is samples
    data = Dataset(samples).split(0.1, seed=5)
    assert np.bincount(data.test.t).tolist() == [20, 7, 3]
    assert len(data.train) == 270
    assert (Dataset(samples).split(0.1, seed=5).test.t == data.test.t).all()
    assert len(data.take(50).train) == 50
    for share in (0, 1, 0.001, -1, 2, "a", None, np.nan):
        with pytest.raises(ClearpropError):
            Dataset(samples).split(share)
    for count in (0, 301, 1.5):
        with pytest.raises(SettingError):
            samples.take(count)


def test_split_parts_are_disjoint():
    data = Dataset(Samples(np.arange(50.0)[:, None], np.arange(50) % 3)).split(0.3)
    together = np.concatenate([data.train.x, data.test.x]).ravel()
    assert sorted(together.tolist()) == list(range(50))


def test_of():
    data = Dataset.of((np.zeros((2, 3, 4)), ["b", "a"]), name="n")
    assert (data.image_shape, data.classes, data.train.t.tolist(), data.name) == ((3, 4), ("a", "b"), [1, 0], "n")
    assert Dataset.of(data) is data
    assert Dataset.of(THREE).train is THREE
    assert Dataset.of((THREE.x, THREE.t, [1, 1, 1])).train.weight is not None
    for wrong in (None, 3, (1,), "data", [1, 2, 3, 4]):
        with pytest.raises(DataError):
            Dataset.of(wrong)


@pytest.mark.parametrize(
    ("known", "error"),
    [
        ({"test": Samples([[1.0]], [0])}, ShapeError),
        ({"test": Samples([[1.0, 2.0]], [[0.5]])}, ShapeError),
        ({"test": 3}, DataError),
        ({"classes": ("a",)}, DataError),
        ({"classes": 5}, SettingError),
        ({"classes": "ab"}, SettingError),
        ({"names": ("a",)}, ShapeError),
        ({"image_shape": (3, 1)}, ShapeError),
        ({"image_shape": (2,)}, ShapeError),
        ({"image_shape": "ab"}, SettingError),
        ({"image_shape": (1, 2.0)}, SettingError),
        ({"scaling": Scaling((1, 2, 3))}, ShapeError),
        ({"scaling": 0.5}, SettingError),
        ({"test": Samples([[1.0, 2.0]], [2]), "classes": ("a", "b")}, DataError),
    ],
)
def test_what_does_not_fit_together(known, error):
    with pytest.raises(error):
        Dataset(THREE, **known)


def test_no_training_part():
    with pytest.raises(DataError, match="Samples"):
        Dataset(None)


def test_arrays_and_lists_become_tuples():
    data = Dataset(THREE, names=["a", "b"], classes=np.array([3, 7]), image_shape=np.array([1, 2]))
    assert (data.names, data.classes, data.image_shape) == (("a", "b"), (3, 7), (1, 2))
    assert repr(data) == "<Dataset data: 3 train, none test, 2 features, 2 classes>"


def test_scaling_is_that_of_the_training_part():
    data = Dataset(THREE, test=Samples([[100.0, 100.0]], [0]))
    assert data.unit_scaled().scaling == Scaling(0.0, 1 / 5)
    assert data.standardized().scaling.shift == (2.0, 3.0)


def test_labels():
    check_labels(np.array([0, 1]), 2, "x")
    for labels in ([0, 2], [-1, 0], [0.5]):
        with pytest.raises(DataError):
            check_labels(np.array(labels), 2, "x")


def test_one_hot():
    assert one_hot([1, 0], 3).tolist() == [[0, 1, 0], [1, 0, 0]]
    wide = one_hot([5000, 0])
    assert wide.shape == (2, 5001)
    assert wide.sum(axis=1).tolist() == [1, 1]
    assert wide[0, 5000] == 1


@pytest.mark.parametrize(
    ("labels", "classes"),
    [([], None), ([0.5], None), ([[1]], None), ([3], 2), ([-1], None), ([0], 0), ([0, 0], 2**31 - 1)],
)
def test_what_is_not_one_hot(labels, classes):
    with pytest.raises(ClearpropError):
        one_hot(labels, classes)


def test_own_arrays_for_both_parts() -> None:
    x = [[0.0], [1.0], [2.0]]
    data = cp.Dataset.of((x, ["b", "a", "b"]), test=(x, ["c", "a", "b"]))
    assert data.classes == ("a", "b", "c")
    assert data.train.t.tolist() == [1, 0, 1]
    assert data.test is not None
    assert data.test.t.tolist() == [2, 0, 1]
    numbers = cp.Dataset.of((x, [0, 1, 1]), test=(x, [1, 1, 0]))
    assert numbers.test is not None
    assert numbers.test.t.tolist() == [1, 1, 0]
    with pytest.raises(cp.DataError, match="labels of the same kind"):
        cp.Dataset.of((x, ["b", "a", "b"]), test=(x, [0, 1, 1]))
    with pytest.raises(cp.DataError, match=r"got 'b'; cp\.Dataset\.of\(\(x, t\)\) takes names"):
        cp.Samples(x, ["b", "a", "b"])


def test_names_of_the_columns_of_a_data_frame():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"length": [5.1, 4.9], "width": [3.5, 3.0]})
    assert Dataset.of((frame, [0, 1])).names == ("length", "width")
    assert Dataset.of((frame, [0, 1]), names=("a", "b")).names == ("a", "b")
    assert Dataset.of((pandas.DataFrame([[1.0, 2.0]]), [0])).names is None  # columns without names are numbered


def test_what_numpy_cannot_read_says_why():
    class OnAnotherDevice:
        def __array__(self, *_, **__):
            raise TypeError("can't convert a tensor on cuda:0 to numpy")

    with pytest.raises(DataError, match=r"what NumPy can read, got .*cuda:0"):
        Dataset.of((OnAnotherDevice(), [0, 1]))


def test_labels_are_counted_in_the_order_of_the_classes_that_are_given():
    data = Dataset.of(([[0.0], [1.0]], ["a", "b"]), classes=("b", "a"), test=([[2.0]], ["b"]))
    assert (data.classes, data.train.t.tolist(), data.test.t.tolist()) == (("b", "a"), [1, 0], [0])
    indices = Dataset.of(([[0.0], [1.0]], [0, 1]), classes=("no", "yes"), test=([[2.0]], [1]))
    assert (indices.classes, indices.test.t.tolist()) == (("no", "yes"), [1])
    with pytest.raises(DataError, match=r"labels among the classes .*, got 'c'; add it"):
        Dataset.of(([[0.0]], ["c"]), classes=("a", "b"))
