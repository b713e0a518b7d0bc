"""Numeric proof of gradients."""
