"""Layers, initializers and losses."""
