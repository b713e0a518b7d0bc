"""How Sphinx builds the documentation: the folder above is its source, `docs` and `lessons` what it reads there."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
# in the lessons' loops of small products two BLAS threads mostly wait for each other, on a busy machine for minutes
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(HERE / "_extensions"))

project = "clearprop"
author = "The clearprop developers"
root_doc = "docs/index"
include_patterns = ["docs/**", "lessons/**"]
exclude_patterns = [".*", "build", "docs/_*", "**/.ipynb_checkpoints"]

extensions = ["myst_nb", "sphinx.ext.autodoc", "cyclopts.ext.sphinx", "clearprop_pages"]
myst_enable_extensions = ["amsmath", "attrs_block", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
html_math_renderer = "mathml"
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_merge_streams = True
nb_render_markdown_format = "myst"

default_role = "code"  # of single backticks in docstrings
autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False
autodoc_typehints_format = "short"

html_theme = "furo"
pygments_dark_style = "github-dark"
html_show_copyright = False
html_show_sphinx = False
html_title = "clearprop"
html_static_path = ["_static"]
html_css_files = ["clearprop.css"]
html_copy_source = False
