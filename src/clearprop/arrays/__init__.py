"""Below everything: array namespaces, errors, random streams, files."""
