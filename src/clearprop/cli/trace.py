"""`clearprop trace`."""

import sys
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from clearprop.cli import build, inputs, show, small
from clearprop.cli.settings import DATA, OUTPUT, TRAINING, Settings, Source, integer
from clearprop.insight.tracing.trace import Trace, trace

NOTHING = Source()
UNSAID = small.Structure()
SAMPLES = 4


def run(
    network: small.What,
    /,
    *,
    data: Annotated[
        str, Parameter(group=DATA, metavar="NAME|FILE", help="A name (see clearprop data), a CSV file or a folder")
    ],
    samples: Annotated[
        int, Parameter(group=DATA, metavar="N", converter=integer, help="Most samples to take of its training part")
    ] = SAMPLES,
    source: Annotated[Source, Parameter(name="*")] = NOTHING,
    structure: Annotated[small.Structure, Parameter(name="*")] = UNSAID,
    optimizer: Annotated[
        str | None, Parameter(group=TRAINING, metavar="NAME", help="Whose step is taken: adam, sgd, ... [sgd]")
    ] = None,
    learning_rate: Annotated[
        float | None, Parameter(group=TRAINING, metavar="RATE", help="Length of that step [what suits the optimizer]")
    ] = None,
    layout: Annotated[Literal["rows", "columns"], Parameter(help="What a sample is in an array")] = "rows",
    all: Annotated[  # noqa: A002
        bool, Parameter(group=OUTPUT, negative=(), show_default=False, help="Print everything instead of stepping")
    ] = False,
    json: Annotated[
        bool, Parameter(group=OUTPUT, negative=(), show_default=False, help="Print one JSON document")
    ] = False,
) -> None:
    """Step through one pass of a network, forward and backward, with every number.

    In a terminal the arrow keys go through it; elsewhere everything is printed.
    """
    known = inputs.dataset(data, source)
    model = small.model(network, structure, known, source.seed or 0)
    rule: Any = build.optimizer(Settings(optimizer=optimizer or "sgd", learning_rate=learning_rate))
    found = trace(model, known, rule, layout=layout, samples=samples)
    if json:
        show.document({"model": network, "data": known.name, **found.to_dict()})
    elif all:
        _print(found)
    else:
        found.step()


def _print(found: Trace) -> None:
    """With colours where they are seen."""
    if not sys.stdout.isatty():
        show.put(found)
        return
    from rich.console import Console

    Console().print(found, soft_wrap=True)
