"""Stepping through a trace in the terminal: what is computed now, from which numbers, and one element in full."""

import sys
import textwrap
import time
from typing import TYPE_CHECKING

from rich.text import Text

from clearprop.arrays.errors import suggest
from clearprop.insight.tracing.keys import keys
from clearprop.insight.tracing.panes import Pane, side_by_side
from clearprop.insight.tracing.shade import grid, place_in, shape_of
from clearprop.insight.tracing.terminal import blocks
from clearprop.insight.tracing.terms import Place

if TYPE_CHECKING:
    from clearprop.insight.tracing.moments import Moment
    from clearprop.insight.tracing.trace import Trace

SECONDS = 1.5  # for each moment while playing
TICK = 0.1  # seconds from one look at the size of the terminal to the next
TERMS = 8  # of a sum
ROWS = (14, 10, 8, 6, 5, 4, 3, 2, 1)  # of an array, tried until all fit
DIGITS = (8, 6, 4)  # the same across
HELP = (
    ("← →", "step"), ("space", "play"), ("↑ ↓ tab", "element"), ("0-9", "its indices"), ("g", "go to"), ("q", "quit"),
)  # fmt: skip


class Stepper:
    """Where one stands in a trace: `press` a key, then show the `view`."""

    def __init__(self, trace: "Trace") -> None:
        self.trace, self.position = trace, 0
        self.places: dict[str, Place] = {}  # row and column of the chosen element, by array
        self.playing = self.done = False
        self.prompt: str | None = None  # what is being asked for
        self.typed = self.said = ""

    @property
    def moment(self) -> "Moment":
        """The moment that is shown."""
        return self.trace.steps[self.position]

    @property
    def chosen(self) -> Place:
        """Row and column of the chosen element; to begin with the largest, which has the most to tell."""
        name, values = self.moment.name, grid(self.moment.value)
        if name not in self.places:
            i = int(abs(values).argmax())
            self.places[name] = (i // values.shape[1], i % values.shape[1])
        return self.places[name]

    def press(self, key: str) -> None:
        """Do what a key asks for."""
        self.said = ""
        if self.prompt is not None:
            self._type(key)
        elif key.isdigit():
            self.prompt, self.typed = f"element of {self.moment.name}: ", key
        elif key in ("right", "n"):
            self.forward()
        elif key in ("left", "b"):
            self.playing, self.position = False, max(self.position - 1, 0)
        elif key in ("home", "end"):
            self.playing, self.position = False, 0 if key == "home" else len(self.trace) - 1
        elif key == " ":
            self.playing = not self.playing
        elif key in MOVES:
            self._move(*MOVES[key])
        elif key == "g":
            self.playing, self.prompt, self.typed = False, "go to: ", ""
        elif key in ("q", "escape"):
            self.done = True

    def forward(self) -> None:
        """To the next moment; playing ends at the last."""
        self.position = min(self.position + 1, len(self.trace) - 1)
        self.playing = self.playing and self.position < len(self.trace) - 1

    def _move(self, rows: int, columns: int) -> None:
        (row, column), (height, width) = self.chosen, grid(self.moment.value).shape
        i = ((row + rows) % height * width + column + columns) % (height * width)
        self.places[self.moment.name] = (i // width, i % width)

    def _type(self, key: str) -> None:
        if key == "enter":
            (self._choose if self.typed[:1].isdigit() else self._go)(self.typed)
        if key in ("enter", "escape"):
            self.prompt = None
        elif key == "backspace":
            self.typed = self.typed[:-1]
        elif len(key) == 1:
            self.typed += key

    def _go(self, name: str) -> None:
        names = [moment.name for moment in self.trace]
        if name in names:
            self.position = names.index(name)
        elif name:
            self.said = f"{name} is not computed here; {suggest(name, names)}"

    def _choose(self, text: str) -> None:
        values = self.moment.value
        parts = text.replace(",", " ").split()
        inside = len(parts) == values.ndim and all(
            part.isdigit() and int(part) < side for part, side in zip(parts, values.shape, strict=False)
        )
        if inside:
            self.places[self.moment.name] = (0, 0, *map(int, parts))[-2:]
        else:
            self.said = f"{self.moment.name} is {shape_of(values)}: give {values.ndim} indices, counted from 0"

    def view(self, width: int, height: int) -> Text:
        """What is to be seen on `height` lines of `width` columns."""
        head, foot = self._head(width), self._foot(width)
        room = height - len(head) - len(foot)
        images = self._images(width)
        told, panes = self._told(width), self._panes()
        body: list[Text] = []
        for rows in ROWS:
            body = [line for pane in panes for line in (*side_by_side(pane, width, rows, DIGITS), Text())] + told
            if len(body) + (len(images) if rows > 1 else 0) <= room:
                body = images + body if rows > 1 else body
                break
        lines = (head + body)[: height - len(foot)]
        lines += [Text()] * (height - len(foot) - len(lines)) + foot
        for line in lines:
            line.truncate(width)
        return Text("\n", no_wrap=True).join(lines)

    def _head(self, width: int) -> list[Text]:
        moment = self.moment
        count = f"{moment.part} {self.position + 1}/{len(self.trace)}"
        text = textwrap.wrap(moment.text, width - len(count) - 2, subsequent_indent="  ")
        first = Text(text[0].ljust(width - len(count) - 1), "bold").append(f" {count}", "dim")
        told = textwrap.wrap(f"{moment.title}: {moment.says}", width)
        return [
            first, *(Text(line, "bold") for line in text[1:]), Text(moment.place, "dim"), *map(Text, told), Text(),
        ]  # fmt: skip

    def _panes(self) -> list[list[Pane]]:
        """The arrays that go in, then the one that comes out."""
        moment = self.moment
        found = self.trace.written(moment.name, place_in(moment.value, *self.chosen), TERMS)
        inputs = [Pane(name, values, marked=found.sources.get(name, ())) for name, values in moment.inputs.items()]
        return [inputs, [Pane(moment.name, moment.value, chosen=self.chosen)]]

    def _told(self, width: int) -> list[Text]:
        """The chosen element written out, and what the notes say about these arrays."""
        moment, trace = self.moment, self.trace
        element = trace.element(moment.name, *place_in(moment.value, *self.chosen), terms=TERMS)
        lines = [Text(line, "cyan") for line in textwrap.wrap(element, width, subsequent_indent="  ")]
        notes = [note for note in trace.notes if note.partition(":")[0] in (moment.name, *moment.inputs)]
        for note in notes:
            lines += [Text(), *(Text(line, "yellow") for line in textwrap.wrap(note, width))]
        return lines

    def _images(self, width: int) -> list[Text]:
        """What goes in or comes out as images, where it is images."""
        for name in (self.moment.name, *self.moment.inputs):
            images = self.trace.images(name)
            if images is not None:
                return [*blocks(images, name == "x", width), Text()]
        return []

    def _foot(self, width: int) -> list[Text]:
        if self.prompt is not None:
            return [Text(), Text(f"{self.prompt}{self.typed}").append(" ", "reverse")]
        if self.said:
            return [Text(), *(Text(line, "yellow") for line in textwrap.wrap(self.said, width))]
        parts = [("space", "stop") if self.playing and key == "space" else (key, does) for key, does in HELP]
        return [Text(), Text("   ").join(Text(f"{key} ", "bold").append(does, "not bold dim") for key, does in parts)]


MOVES = {"up": (-1, 0), "down": (1, 0), "tab": (0, 1), "backtab": (0, -1)}


def step(trace: "Trace") -> None:
    """Step through a trace on the whole screen; print all of it where there is none."""
    from rich.console import Console

    console = Console()
    if not (sys.stdin.isatty() and console.is_terminal) or console.is_dumb_terminal:
        print(trace)
        return
    stepper, shown, since = Stepper(trace), None, time.monotonic()
    with keys() as pressed, console.screen(hide_cursor=True) as screen:
        while not stepper.done:
            if shown != console.size:
                shown = console.size
                screen.update(stepper.view(*shown))
            key = pressed(TICK)
            if key:
                stepper.press(key)
                shown, since = None, time.monotonic()
            elif stepper.playing and time.monotonic() - since > SECONDS:
                stepper.forward()
                shown, since = None, time.monotonic()
