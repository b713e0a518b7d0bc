import builtins
import contextlib
import csv as standard
import gzip
import io
import re
import tempfile
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from clearprop.arrays.errors import ClearpropError, DataError, FileError, SettingError
from clearprop.data import table
from clearprop.data.tabular import csv


@pytest.fixture
def write(tmp_path):
    def to_file(text, name="data.csv"):
        content = text if isinstance(text, bytes) else text.encode()
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return to_file


@pytest.fixture(params=["loadtxt", "polars"])
def reader(request, monkeypatch):
    """Both ways of reading floats, which must agree."""
    if request.param == "polars":
        pytest.importorskip("polars")
    monkeypatch.setattr(table, "POLARS_FROM", 0 if request.param == "polars" else 2**60)


# the header


@pytest.mark.parametrize(
    "header",
    ["", "label,1x1,1x2\n", "label,pixel0,pixel1\n", '"label","a","b"\n', "y,,b\n", "\ufefflabel,a,b\n", "\n\n"],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n\n", ""])
def test_no_row_is_lost_to_a_header_and_no_header_is_kept(write, header, end):
    line = "\r\n" if end == "\r\n" else "\n"
    data = csv(write((header + "5,0,255\n0,7,8").replace("\n", line) + end))
    assert data.train.x.tolist() == [[0, 255], [7, 8]]
    assert data.train.x.dtype == np.uint8
    assert data.train.t.tolist() == [1, 0]
    assert data.classes == (0, 5)
    assert (data.names is not None) == bool(header.strip())


@pytest.mark.parametrize("first", ["1.5,2.5,3.5", "cat,2.5,3.5", "1e5,.5,-2", "3,1,2", "a,1,1.", "-1,+1,+.5e-3"])
def test_a_first_line_of_numbers_is_data(write, reader, first):
    data = csv(write(first + "\n" + first.replace("1", "2") + "\n"), scale=None)
    assert data.names is None
    assert len(data.train) == 2


def test_header_forced(write):
    path = write("label,2019,2020\n1,3.5,4\n0,5,6\n")
    assert csv(path, header=True).names == ("2019", "2020")
    assert csv(path, label="label").names == ("2019", "2020")
    with pytest.raises(DataError, match=r"line 1, column 1: .*give header=True"):
        csv(path)
    assert len(csv(write("1,2,3\n4,5,6\n"), header=True).train) == 1
    with pytest.raises(DataError, match=r"line 1, column 2: .*'b'"):
        csv(write("a,b\n1,2\n"), header=False)


def test_names_among_numbers_are_not_guessed(write):
    with pytest.raises(DataError, match=r"line 1: .*'a' among numbers; say header=True"):
        csv(write("label,a,2020\n1,2,3\n"))
    with pytest.raises(DataError, match=r"line 1, column 2: .*'M'"):  # both lines look alike: data
        csv(write("1,M,0.3\n2,F,0.5\n"))
    with pytest.raises(DataError, match=r"line 2, column b: .*'y'"):  # all text: names, then text
        csv(write("a,b\nx,y\nu,v\n"))


def test_text_labels_do_not_make_a_header(write):
    data = csv(write("cat,1.5\ndog,2.5\ncat,3.5\n"))
    assert (data.classes, data.train.t.tolist()) == (("cat", "dog"), [0, 1, 0])


# what can be read


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiters(write, delimiter):
    text = 'l,"a;b",c\n1,2.5,3\n2,3,4\n'.replace(",", delimiter)
    data = csv(write(text))
    assert data.names == ("a;b", "c")
    assert csv(write(text), delimiter=delimiter).names == data.names


def test_other_delimiters(write):
    assert csv(write("1|2.5|3\n"), delimiter="|").train.x.tolist() == [[2.5, 3]]
    for wrong in ("", ",,", "a", "1", '"', "\n", "-", 5):
        with pytest.raises(SettingError, match="separates columns"):
            csv(write("1,2\n"), delimiter=wrong)
    with pytest.raises(DataError, match="one column; check the delimiter"):
        csv(write("1|2.5|3\n"))


def test_quotes_spaces_and_packed_files(write, reader):
    text = '"a ""b"", c", 1.5 ,"2"\nd,3,4\n'
    for path in (write(text), write(gzip.compress(text.encode()), "data.csv.gz")):
        data = csv(path)
        assert data.classes == ('a "b", c', "d")
        assert data.train.x.tolist() == [[1.5, 2], [3, 4]]
        assert data.name == "data"


def test_the_mark_of_excel(write, reader):
    assert csv(write("\ufeffa,1.5\nb,2.5\n")).classes == ("a", "b")
    assert csv(write("\ufeffkind,x\na,1.5\nb,2.5\n"), label="kind").classes == ("a", "b")


@pytest.mark.parametrize("text", ["a,1.5,2\nb,2.5,3\n", '\ufeff"k\n1",x,y\r\na,1.5,2\r\n"b",2.5,3'])
@pytest.mark.parametrize("name", ["data.csv", "data.csv.gz"])
def test_polars_does_it_alone(write, monkeypatch, text, name):
    pytest.importorskip("polars")
    monkeypatch.setattr(table, "POLARS_FROM", 0)
    monkeypatch.setattr(table, "_with_loadtxt", lambda plan: pytest.fail("polars gave up"))
    content = gzip.compress(text.encode()) if name.endswith("gz") else text
    data = csv(write(content, name))
    assert data.classes == ("a", "b")
    assert data.train.x.tolist() == [[1.5, 2], [2.5, 3]]


def test_the_narrowest_type_that_holds_all_lines(write, reader):
    start = "l,a,b\n" + "1,2,3\n" * 30
    for last, dtype in [
        ("0,255,0", np.uint8),
        ("0,256,0", np.float32),
        ("0,-1,0", np.float32),
        ("0,2.5,0", np.float32),
        ("0,20250101,0", np.float64),
        ("0,3000000000,0", np.float64),
        ("0,1e300,0", np.float64),
        ("0,123456789012345678901234567890,0", np.float64),
    ]:
        data = csv(write(start + last + "\n"))
        assert data.train.x.dtype == dtype
        assert data.train.x[-1, 0] == float(last.split(",")[1])
        assert len(data.train) == 31


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", 'b"', "c,d", "é"]), st.floats(width=32, allow_nan=False, allow_infinity=False)),
        min_size=1,
        max_size=30,
    ),
    st.booleans(),
)
def test_what_the_standard_library_writes_is_read(rows, header):
    text = io.StringIO()
    writer = standard.writer(text)
    writer.writerows(([["kind", "value"]] if header else []) + [list(row) for row in rows])
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "a.csv").write_bytes(text.getvalue().encode())
        data = csv(Path(folder, "a.csv"), scale=None)
    assert [data.classes[t] for t in data.train.t] == [row[0] for row in rows]
    assert data.train.x.ravel().tolist() == [row[1] for row in rows]


# what cannot be read


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "an empty file"),
        ("\n \n", "an empty file"),
        ("\ufeff", "an empty file"),
        ("l,a,b\n", "below the header, got none"),
        ("l\n1\n", "one column"),
        ("l,a\n1,2,3\n", "line 2: wanted 2 columns"),
        ("l,a,b\n1,2,3\n\n1,2\n", "line 4: wanted 3 columns, as in the first line, got 2"),
        ("1,0x10,3\n", "line 1: wanted only names or only numbers"),
        ("1;2,5;3\n2;3,5;4", "line 1, column 2: wanted a finite number, got '2,5'"),
        ('1,2,3\n1,"2,3\n', "line 2: wanted 3 columns"),
        (b"1,2\n\xff\xfe,3\n", "after line 0: wanted UTF-8"),
        ("1,2\n2,3\n".encode("utf-16"), "UTF-8"),
    ],
)
def test_what_is_no_table(write, text, message):
    with pytest.raises((DataError, FileError), match=message):
        csv(write(text))


@pytest.mark.parametrize(
    ("last", "message"),
    [
        ("1,2", ": wanted 3 columns, as in the first line, got 2"),
        ("1,2,3,4", ": wanted 3 columns, as in the first line, got 4"),
        ("1,,3", ", column a: wanted a number, got the missing value ''"),
        ("1,2, ", ", column b: wanted a number, got the missing value ''"),
        ("1,NA,3", ", column a: wanted a number, got the missing value 'NA'"),
        ("1,nan,3", ", column a: wanted a number, got the missing value 'nan'"),
        ("1,2,?", ", column b: wanted a number, got the missing value '?'"),
        (",2,3", ", column l: wanted a label, got the missing value ''"),
        ("?,2,3", ", column l: wanted a label, got the missing value '?'"),
        ("1,x1,3", ", column a: wanted a finite number, got 'x1'"),
        ("1,1_0,3", ", column a: wanted a finite number, got '1_0'"),
        ("1,\u00b3,3", ", column a: wanted a finite number, got '\u00b3'"),
        ("1,-inf,3", ", column a: wanted a finite number, got '-inf'"),
        ("1,1e999,3", ", column a: wanted a finite number, got 1e999"),
    ],
)
@pytest.mark.parametrize("good", ["1,2,3\n", "1,2.5,3\n", "1,2.5,3\n\n"])
@pytest.mark.parametrize("rows", [1, 40])
def test_errors_name_line_and_column(write, reader, last, message, good, rows):
    """With 40 good lines above it the error is met while reading, with one while looking at the first lines."""
    line = 2 + rows * good.count("\n")
    with pytest.raises(DataError, match=re.escape(f"data.csv, line {line}{message}")):
        csv(write("l,a,b\n" + good * rows + last + "\n" + good))
    with pytest.raises(DataError, match=re.escape(f"data.csv, line {line - 1}")):
        csv(write(good * rows + last + "\n" + good))


def test_broken_files(write, tmp_path):
    packed = gzip.compress(b"1,2,3\n" * 1000)
    with pytest.raises(FileError, match="broken gzip"):
        csv(write(packed[:-20], "a.csv.gz"))
    for path in (tmp_path, tmp_path / "no.csv", None, 3):
        with pytest.raises(FileError):
            csv(path)


@given(st.data())
def test_broken_bytes_are_a_clearprop_error(data):
    start = data.draw(st.sampled_from(["l,a,b\n1,2,3\n2,3,4\n", '"x",1.5,2\ny,2.5,300\n', "1;2;3\n4;5;6\n", ""]))
    content = bytearray(start.encode()) + data.draw(st.binary(max_size=8))
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, len(content)))
        content[place : place + data.draw(st.integers(0, 2))] = data.draw(
            st.sampled_from([b"", b'"', b",", b"\n", b"\r", b"\0", b"nan", b"1e400", b"\xff", b"9" * 30, b"\xc2\xb3"])
        )
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "POLARS_FROM", 0)
        Path(folder, "a.csv").write_bytes(content)
        with contextlib.suppress(ClearpropError):
            csv(Path(folder, "a.csv"))


def test_without_polars(write, monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name == "polars":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setattr(table, "POLARS_FROM", 0)
    assert csv(write("1,2.5\n0,3.5\n")).train.x.tolist() == [[2.5], [3.5]]


def test_a_file_grown_too_large_for_polars_to_be_skipped(write):
    rows = table.POLARS_FROM // 8
    data = csv(write("a,1.5,2\n" * rows), scale=None)
    assert len(data.train) == rows
    assert data.train.x[-1].tolist() == [1.5, 2]
