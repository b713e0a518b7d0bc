"""A derivation as text, Markdown, LaTeX, a notebook and a page; all are told by the same words."""
