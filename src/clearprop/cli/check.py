"""`clearprop check`."""

from typing import Annotated

from cyclopts import Parameter

from clearprop.cli import inputs, show
from clearprop.cli.settings import DATA, Source, integer
from clearprop.insight.checking.check import SAMPLES, check
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
    samples: Annotated[
        int,
        Parameter(group=DATA, metavar="N", converter=integer, help="Most samples to take, every class in its share"),
    ] = SAMPLES,
    json: Annotated[bool, Parameter(negative=(), show_default=False, help="Print one JSON document")] = False,
) -> int:
    """Prove a model's gradient: compare its derivatives with differences of the loss.

    By every parameter and input, on samples of the training part, in float64. The status is 1 if one is wrong.
    """
    trained = load(model)
    known = inputs.dataset(data, source)
    found = check(trained, known, samples=samples, seed=source.seed or 0)
    if json:
        show.document({"model": model, "data": known.name, **found.to_dict()})
    else:
        show.put(found)
    return 0 if found else 1
