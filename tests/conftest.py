"""Set before anything imports SciPy: without it scikit-learn skips some of its estimator checks."""

import os

os.environ.setdefault("SCIPY_ARRAY_API", "1")
