"""The layers of a network as boxes, one below the other: what a diagram shows where neurons would be too many."""

from html import escape
from math import log2, prod

from clearprop.network.network import Network

MOST = 24  # layers, beyond which those in the middle are left out
WIDTH, HEIGHT, ROOM, MARGIN = 344, 46, 22, 12  # in pixels


def blocks(network: Network) -> tuple[int, int, str]:
    """Width and height in pixels, and the boxes as SVG; wider boxes stand for more units, on a logarithmic scale."""
    widest = max(network.inputs, *(shapes.width for shapes in network.shapes))
    rows: list[str | None] = [_box(0, "input", network.inputs, widest, 0)]
    cut = range(MOST // 2, len(network) - MOST // 2) if len(network) > MOST else range(0)
    for i, (name, layer, shapes) in enumerate(zip(network.names, network, network.shapes, strict=True)):
        if i in cut:
            rows += [None] if i == cut[0] else []
            continue
        count = sum(prod(shape) for shape in shapes.parameters.values())
        title = repr(layer) if layer.name is None else f"{name}: {layer!r}"
        rows.append(_box(len(rows), title, shapes.width, widest, count))
    drawn = [_left_out(i, len(cut)) if row is None else row for i, row in enumerate(rows)]
    arrows = [_arrow(i) for i in range(1, len(rows))]
    bottom = MARGIN + len(rows) * (HEIGHT + ROOM)
    total = f'<text class="soft" x="{WIDTH / 2:g}" y="{bottom}" text-anchor="middle">{network.size:,} parameters</text>'
    return WIDTH, bottom + MARGIN, "".join([*drawn, *arrows, total])


def _top(row: int) -> int:
    return MARGIN + row * (HEIGHT + ROOM)


def _box(row: int, title: str, units: int, widest: int, count: int) -> str:
    width = (WIDTH - 2 * MARGIN) * (0.55 + 0.45 * log2(1 + units) / log2(1 + widest))
    middle, y = WIDTH / 2, _top(row)
    fitting = int(width / 8)
    short = title if len(title) <= fitting else f"{title[: fitting - 1]}…"
    told = f"(N, {units:,})" + (f" · {count:,} parameters" if count else "")
    kind = "weighty above" if count else "box plain"
    return (
        f'<g><title>{escape(title)}</title><rect class="{kind}" x="{middle - width / 2:.1f}" y="{y}" '
        f'width="{width:.1f}" height="{HEIGHT}" rx="6"/>'
        f'<text class="ink" x="{middle:g}" y="{y + 19}" text-anchor="middle" font-weight="600">{escape(short)}</text>'
        f'<text class="soft" x="{middle:g}" y="{y + 36}" text-anchor="middle" font-size="12">{told}</text></g>'
    )


def _left_out(row: int, count: int) -> str:
    y = _top(row) + HEIGHT / 2 + 4
    return f'<text class="soft" x="{WIDTH / 2:g}" y="{y:g}" text-anchor="middle">{count:,} more layers</text>'


def _arrow(row: int) -> str:
    x, y = WIDTH / 2, _top(row)
    return (
        f'<path class="plain" fill="none" d="M{x:g} {y - ROOM + 3}V{y - 3}'
        f'M{x - 4:g} {y - 8}L{x:g} {y - 3}L{x + 4:g} {y - 8}"/>'
    )
