"""Keys as they are pressed, one at a time, without Enter; the terminal is put back as it was."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

KeyReader = Callable[[float], str]  # waits so many seconds for a key: its name, a character, or nothing

NAMES = {
    "\x1b[A": "up", "\x1b[B": "down", "\x1b[C": "right", "\x1b[D": "left", "\x1b[H": "home", "\x1b[F": "end",
    "\x1b[Z": "backtab", "\x1b": "escape", "\t": "tab", "\r": "enter", "\n": "enter", "\x7f": "backspace",
    "\x08": "backspace",
}  # fmt: skip

if sys.platform == "win32":
    import time

    WINDOWS = {"H": "up", "P": "down", "M": "right", "K": "left", "G": "home", "O": "end", "\x0f": "backtab"}

    @contextmanager
    def keys() -> Iterator[KeyReader]:
        """A function that waits for a key."""
        import msvcrt

        def pressed(seconds: float) -> str:
            end = time.monotonic() + seconds
            while not msvcrt.kbhit():
                if time.monotonic() > end:
                    return ""
                time.sleep(0.01)
            key = msvcrt.getwch()
            if key == "\x03":
                raise KeyboardInterrupt
            return WINDOWS.get(msvcrt.getwch(), "") if key in ("\x00", "\xe0") else NAMES.get(key, key)

        yield pressed

else:

    @contextmanager
    def keys() -> Iterator[KeyReader]:
        """A function that waits for a key."""
        import select
        import termios
        import tty

        stdin = sys.stdin.fileno()
        before = termios.tcgetattr(stdin)
        left: list[str] = []

        def pressed(seconds: float) -> str:
            if not left and select.select([stdin], [], [], seconds)[0]:
                read = os.read(stdin, 1024)
                if not read:  # the terminal is gone
                    return "q"
                left.extend(_parted(read.decode(errors="ignore")))
            return left.pop(0) if left else ""

        try:
            tty.setcbreak(stdin)  # Ctrl-C still interrupts
            yield pressed
        finally:
            termios.tcsetattr(stdin, termios.TCSADRAIN, before)


def _parted(text: str) -> list[str]:
    """The names of the keys in what was read at once; cursor keys also as some terminals send them, ESC O C."""
    found = []
    while text:
        code = text[:3].replace("\x1bO", "\x1b[")
        length = 3 if code in NAMES else 1
        found.append(NAMES.get(code[:length], text[:length]))
        text = text[length:]
    return found
