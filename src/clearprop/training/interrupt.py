"""Ctrl-C ends training after the current batch."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Stop:
    """Whether training was asked to end after the current batch."""

    asked = False


@contextmanager
def ctrl_c_asks(stop: Stop) -> Iterator[None]:
    """Ctrl-C sets `stop.asked`; a second one interrupts at once. Only where Ctrl-C would interrupt otherwise."""
    usual = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or usual is not signal.default_int_handler:
        yield
        return

    def ask(_number: int, _frame: Any) -> None:
        stop.asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
