"""Pictures, with matplotlib: each takes `ax=None`, draws on it or on a new one, and returns it without showing it."""

from clearprop.pictures.boundary import boundary
from clearprop.pictures.curves import calibration, learning_curves, schedule
from clearprop.pictures.diagram import diagram
from clearprop.pictures.histograms import histograms
from clearprop.pictures.images import augmentation, confusion, samples, weights
from clearprop.pictures.recorder import Recorder
from clearprop.pictures.surface import surface
from clearprop.pictures.theme import style

__all__ = [
    "Recorder", "augmentation", "boundary", "calibration", "confusion", "diagram", "histograms", "learning_curves",
    "samples", "schedule", "style", "surface", "weights",
]  # fmt: skip
