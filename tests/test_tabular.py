import numpy as np
import pytest

from clearprop.arrays.errors import DataError, FileError, SettingError, ShapeError
from clearprop.data.scaling import Scaling
from clearprop.data.tabular import csv


@pytest.fixture
def write(tmp_path):
    def to_file(text, name="data.csv"):
        content = text if isinstance(text, bytes) else text.encode()
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return to_file


# labels


@pytest.mark.parametrize(
    ("labels", "classes", "t"),
    [
        ("0 1 2 1", (0, 1, 2), [0, 1, 2, 1]),
        ("1 2 3 1", (1, 2, 3), [0, 1, 2, 0]),
        ("7 3 3 7", (3, 7), [1, 0, 0, 1]),
        ("-1 1 1 -1", (-1, 1), [0, 1, 1, 0]),
        ("10 9 9 9", (9, 10), [1, 0, 0, 0]),
        ("b a c a", ("a", "b", "c"), [1, 0, 2, 0]),
        ("1 x 2 1", ("1", "2", "x"), [0, 2, 1, 0]),
        ("01 1 +1 2", (1, 2), [0, 0, 0, 1]),
        ("True False True True", ("False", "True"), [1, 0, 1, 1]),
        ("0.5 1 2 1", None, [0.5, 1, 2, 1]),
        ("1e3 2 2 2", None, [1000, 2, 2, 2]),
    ],
)
def test_labels(write, labels, classes, t):
    data = csv(write("".join(f"{label},{i}.5\n" for i, label in enumerate(labels.split()))))
    assert data.classes == classes
    assert data.train.t.tolist() == t
    assert all(type(label) is type(classes[0]) for label in data.classes or ())


def test_many_whole_numbers_are_values(write):
    assert csv(write("".join(f"{i},1.5\n" for i in range(1001)))).classes is None
    assert len(csv(write("".join(f"{i},1.5\n" for i in range(1000)))).classes) == 1000


@pytest.mark.parametrize("labels", ["1.5 2.5 oops", "1.5 2.5 inf", " ".join(f"id{i}" for i in range(1001))])
def test_labels_that_are_a_mistake(write, labels):
    with pytest.raises(DataError, match="labels: wanted only numbers, or at most 1000 names"):
        csv(write("".join(f"{label},1.5\n" for label in labels.split())))


def test_where_the_label_is(write):
    path = write("x,kind,y\n1.5,u,2\n3,v,4\n")
    data = csv(path, label="kind")
    assert data.names == ("x", "y")
    assert data.train.x.tolist() == [[1.5, 2], [3, 4]]
    assert csv(write("1.5,2,a\n3,4,b\n", "last.csv"), label="last").train.x.tolist() == [[1.5, 2], [3, 4]]
    with pytest.raises(DataError, match=r'column 3: .*label="last"'):
        csv(write("1.5,2,a\n3,4,b\n", "last.csv"))
    for label, advice in [("kin", "did you mean kind"), (4, "choose one of first, last, x, kind"), (None, "choose")]:
        with pytest.raises(SettingError, match=advice):
            csv(path, label=label)
    with pytest.raises(SettingError, match="label's column"):
        csv(path, label="kind", header=False)


# images and scaling


def test_bytes_of_a_square_are_an_image(write):
    row = ",".join(map(str, range(64)))
    data = csv(write(f"1,{row}\n0,{row.replace('63', '128')}\n"))
    assert data.image_shape == (8, 8)
    assert data.scaling == Scaling(0.0, 1 / 255)
    dark = csv(write(f"1,{row}\n0,{row.replace('63', '127')}\n"))
    assert dark.image_shape is None
    assert dark.scaling.shift == (*map(float, range(63)), 95.0)
    assert csv(write("1,200,3,4,5\n0,6,7,8,9\n")).image_shape is None


def test_scale(write):
    path = write("1,0,200\n0,100,50\n")
    assert csv(path).scaling == csv(path, scale="unit").scaling == Scaling(0.0, 1 / 255)
    assert csv(path, scale="standard").scaling == Scaling((50.0, 125.0), (1 / 50, 1 / 75))
    assert csv(path, scale=None).scaling is None
    for wrong in ("min", 3, True, ["unit"]):
        with pytest.raises(SettingError, match="standard"):
            csv(path, scale=wrong)


# the test part


def test_a_share_to_test_on(write):
    path = write("".join(f"{i % 2},{i}.5\n" for i in range(40)))
    data = csv(path, test=0.25, seed=3)
    assert (len(data.train), len(data.test)) == (30, 10)
    assert np.bincount(data.test.t).tolist() == [5, 5]
    assert data.scaling.shift[0] == pytest.approx(data.train.x.mean())
    assert (csv(path, test=0.25, seed=3).test.x == data.test.x).all()
    assert (csv(path, test=0.25, seed=4).test.x != data.test.x).any()
    for wrong in (0, 1, 1.5, -1, True, float("nan"), [0.2]):
        with pytest.raises(SettingError):
            csv(path, test=wrong)


def test_a_file_to_test_on(write):
    path = write("k,a,b\nu,1,2.5\nv,3,4\n")
    data = csv(path, test=write("k,a,b\nv,1,2\nv,1,2\n", "test.csv"))
    assert data.test.t.tolist() == [1, 1]
    assert data.classes == ("u", "v")
    for text, error, message in [
        ("k,a,b\nw,1,2\n", DataError, r"labels of test.csv: wanted classes of the training part \(u, v\), got 'w'"),
        ("k,a\nu,1\n", ShapeError, "2 features"),
        ("k,b,a\nu,1,2\n", DataError, "column a, as in the training file, got b"),
    ]:
        with pytest.raises(error, match=message):
            csv(path, test=write(text, "test.csv"))
    with pytest.raises(FileError):
        csv(path, test="no.csv")


def test_a_file_of_numbers_to_test_on(write):
    numbered = write("7,1\n3,2\n")
    assert csv(numbered, test=write("3,5\n", "test.csv")).test.t.tolist() == [0]
    with pytest.raises(DataError, match=r"\(3, 7\), got 5"):
        csv(numbered, test=write("5,5\n", "test.csv"))
    values = write("0.5,1\n2,2\n")
    assert csv(values, test=write("3,5\n", "test.csv")).test.t.tolist() == [3.0]
    with pytest.raises(DataError, match="numbers, as in the training file, got 'x'"):
        csv(values, test=write("x,5\n", "test.csv"))


def test_the_label_column_by_its_number(tmp_path):
    file = tmp_path / "flowers.csv"
    file.write_text("5.1,lily,3.5\n4.9,rose,3.0\n4.7,lily,3.2\n")
    for label in (2, "2"):
        data = csv(file, label=label)
        assert (data.target, data.classes, data.train.x.shape) == ("column 2", ("lily", "rose"), (3, 2))
    for label in (0, 4, "4", -1):
        with pytest.raises(SettingError, match="label's column"):
            csv(file, label=label)
