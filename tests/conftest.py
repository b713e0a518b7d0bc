"""What tests need of the process that they run in."""

import os
import signal

# before anything imports SciPy: without it scikit-learn skips some of its estimator checks
os.environ.setdefault("SCIPY_ARRAY_API", "1")

# a shell that starts this in the background lets it and its children ignore Ctrl-C, which tests send
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
