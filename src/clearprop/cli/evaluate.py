"""`clearprop evaluate`."""

from typing import Annotated

from cyclopts import Parameter

from clearprop.cli import inputs, show
from clearprop.cli.settings import DATA, Source
from clearprop.network.loading import load

NOTHING = Source()


def run(
    model: Annotated[str, Parameter(metavar="MODEL", help="A file that clearprop train wrote")],
    /,
    *,
    data: Annotated[
        str, Parameter(group=DATA, metavar="NAME|FILE", help="A name (see clearprop data), a CSV file or a folder")
    ],
    source: Annotated[Source, Parameter(name="*")] = NOTHING,
    json: Annotated[bool, Parameter(negative=(), show_default=False, help="Print one JSON document")] = False,
) -> None:
    """Measure how good a model is on data.

    It is measured on the test part, if the data has one or --test asks for one.
    """
    trained = load(model)
    known = inputs.dataset(data, source)
    part = "all" if known.test is None else "test"
    found = trained.evaluate(known)
    if json:
        metrics = show.evaluation(found)
        show.document({"model": model, "data": known.name, "measured_on": part, "metrics": metrics})
    else:
        show.put(*show.quality(found, part if part == "test" else known.name, per_class=True))
