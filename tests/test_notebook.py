"""What a real notebook kernel shows: curves that grow while training goes on, and every picture."""

from typing import Any

import nbformat.v4
import pytest

nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
pytest.importorskip("matplotlib")

CELLS = (
    "import clearprop as cp\n"
    "model = cp.Model(cp.Network(64, 32, 'relu', 10), cp.SoftmaxCrossEntropy())\n"
    "report = cp.fit(model, cp.data.digits(), cp.Adam(0.01), epochs=40, live=True)",
    "import matplotlib.pyplot as plt\nprint(plt.get_fignums(), len(report.history))",
)


class Listening(nbclient.NotebookClient):  # type: ignore[misc]
    """A notebook's client that keeps what the kernel sends to be shown in place of something shown before."""

    updates: tuple[str, ...] = ()

    def process_message(self, msg: dict[str, Any], *others: Any) -> Any:
        if msg["msg_type"] == "update_display_data":
            self.updates = (*self.updates, msg["content"]["data"]["text/html"])
        return super().process_message(msg, *others)


def test_curves_are_drawn_again_and_again_and_stay_in_the_notebook() -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in CELLS])
    client = Listening(notebook, timeout=120)
    client.execute()
    curves = [html for html in client.updates if "<img" in html or "<svg" in html]
    assert len({*curves}) > 1, "drawn once, at the end"
    assert len({*client.updates} - {*curves}) > 10, "the bar did not move"
    shown, said = (cell["outputs"] for cell in notebook.cells)
    assert [output["output_type"] for output in shown] == ["display_data", "display_data"]
    assert shown[1]["data"]["text/html"] == curves[-1]
    assert "epoch 40/40" in shown[0]["data"]["text/html"]
    assert said[0]["text"].strip() == "[] 40", "pictures are left open"


@pytest.mark.parametrize(
    "first", ["cp.pictures.schedule(cp.Cosine())", "plt.style.context(cp.pictures.style()).__enter__()"]
)
def test_every_picture_is_shown_not_only_the_first(first: str) -> None:
    lines = ("import clearprop as cp, matplotlib.pyplot as plt", f"{first};", "cp.pictures.schedule(cp.Cosine());",
             "plt.plot([1, 2]);")  # fmt: skip
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in lines])
    nbclient.NotebookClient(notebook, timeout=120).execute()
    for cell in notebook.cells[2:]:
        assert ["image/png" in output.get("data", {}) for output in cell["outputs"]] == [True], cell["source"]
