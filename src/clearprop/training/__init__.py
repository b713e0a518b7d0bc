"""Optimizers, the hot loop, and what it reports."""
