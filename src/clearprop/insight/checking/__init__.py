"""Numeric proof: gradients beside difference quotients that know how far they can be trusted."""
