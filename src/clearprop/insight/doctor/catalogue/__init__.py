"""The catalogue of mistakes in hand-written backward passes, by theme; each entry says where it was seen."""

from clearprop.insight.doctor.catalogue import forward, layers, losses, outputs, parameters, passing, scale, slopes
from clearprop.insight.doctor.mistakes import CATALOGUE

__all__ = ["CATALOGUE", "forward", "layers", "losses", "outputs", "parameters", "passing", "scale", "slopes"]
