"""Pictures of images."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from clearprop.arrays.checks import whole
from clearprop.arrays.errors import SettingError, brief
from clearprop.arrays.seeds import stream
from clearprop.data.augmentation import Distorter, Distortion
from clearprop.data.dataset import Dataset
from clearprop.pictures.theme import drawing
from clearprop.training.session import several

GAP = 2  # pixels between images


def augmentation(
    data: Dataset, distortions: Distortion | Sequence[Distortion], images: int = 10, rows: int = 3, seed: int = 0,
    ax: Any = None,
) -> Any:  # fmt: skip
    """The first `images` of `data`, and under each of them `rows` distorted copies.

    >>> import clearprop as cp
    >>> cp.pictures.augmentation(cp.data.digits(), [cp.Shift(1), cp.Rotation(10)]).get_title("left")
    'above as they are, below with Shift(1.0), Rotation(10.0)'
    """
    kinds = several(Distortion, distortions, "pictures.augmentation")
    if not isinstance(data, Dataset) or data.image_shape is None:
        raise SettingError(
            "pictures.augmentation", "a Dataset of images", brief(data), "such as cp.data.digits(), or with image_shape"
        )
    rows = whole("pictures.augmentation", "rows", rows)
    x = data.train.x[: whole("pictures.augmentation", "images", images)]
    distort, rng = Distorter(data.image_shape, kinds), stream(seed, "augment")
    height, width = data.image_shape
    sheet = np.full(((rows + 1) * (height + GAP) + GAP, len(x) * (width + GAP) - GAP), np.nan)
    for row in range(rows + 1):
        top = row * (height + GAP) + (GAP if row else 0)  # more room below the first row
        for column, image in enumerate(distort(x, rng) if row else x):
            left = column * (width + GAP)
            sheet[top : top + height, left : left + width] = image.reshape(height, width)
    with drawing(ax, (max(0.7 * len(x), 6.0), 0.75 * (rows + 1) + 0.4)) as ax:
        ax.imshow(sheet, cmap="gray", interpolation="nearest")
        ax.set(title=f"above as they are, below with {', '.join(map(repr, kinds))}")
        ax.set_axis_off()
    return ax
