"""Pictures, with matplotlib: each takes `ax=None`, draws on it or on a new one, and returns it without showing it."""

from clearprop.pictures.curves import schedule
from clearprop.pictures.images import augmentation

__all__ = ["augmentation", "schedule"]
