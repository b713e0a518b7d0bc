"""One pass with every array by its name, stepped through."""
