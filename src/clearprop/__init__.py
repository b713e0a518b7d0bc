"""clearprop: feed-forward neural networks that you can read, watch, verify and use.

cp.Network(784, 100, "relu", 10)    the structure; layers are cp.Dense, cp.ReLU, cp.Dropout, ...
cp.Model(network, loss)             with its loss and parameters; predict, evaluate, weights, save
cp.pictures                         pictures: learning curves, confusion matrix, worst mistakes, network diagrams, ...
cp.data                             data sets: digits, mnist, csv, toys; cp.Dataset.of((x, t)) for your own
cp.fit, cp.train                    training, with a progress bar or as an iterator of epochs
cp.SGD, cp.Adam, ...                optimizers; cp.L2, cp.Cosine, cp.EarlyStopping, ... to go with them
cp.load                             a saved model
cp.check, cp.check_gradient         numeric proof of a model's gradient, and of any function's
cp.trace                            one pass and one step, every number of it
cp.diagnose                         which mistake is in a learner's own gradient
cp.metrics                          accuracy, confusion matrix, R2, ...
cp.ClearpropError                   what every error of a user's making is
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from clearprop import data
from clearprop.arrays.errors import (
    ClearpropError,
    DataError,
    DivergenceError,
    FileError,
    MissingExtra,
    SettingError,
    ShapeError,
)
from clearprop.arrays.kinds import value
from clearprop.data.augmentation import Distortion, Elastic, Rotation, Scale, Shear, Shift
from clearprop.data.dataset import Dataset, Samples, one_hot
from clearprop.data.scaling import Scaling
from clearprop.export.onnx_reader import from_onnx
from clearprop.layers.activations import (
    ELU,
    GELU,
    Activation,
    Identity,
    LeakyReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softplus,
    Softsign,
    Tanh,
)
from clearprop.layers.base import Layer, LayerShapes, Memo
from clearprop.layers.dense import Dense
from clearprop.layers.dropout import Dropout
from clearprop.layers.initializers import (
    Constant,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Initializer,
    LeCunNormal,
    StandardNormal,
)
from clearprop.layers.losses import (
    Huber,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    Poisson,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
    SquaredError,
)
from clearprop.layers.normalization import BatchNorm, LayerNorm
from clearprop.network import metrics
from clearprop.network.gradient import Workspace, loss_and_gradient
from clearprop.network.loading import load
from clearprop.network.metrics import Evaluation
from clearprop.network.model import Model
from clearprop.network.network import Network
from clearprop.training.lbfgs import LBFGS
from clearprop.training.loop import fit, train
from clearprop.training.optimizer import Optimizer
from clearprop.training.optimizers import SGD, AdaGrad, Adam, AdamW, Lion, Nadam, RMSProp
from clearprop.training.penalties import L1, L2, MaxNorm, Penalty, WeightDecay
from clearprop.training.report import Epoch, Report
from clearprop.training.schedules import (
    ConstantRate,
    Cosine,
    ExponentialDecay,
    InverseScaling,
    InverseTime,
    OneCycle,
    ReduceOnPlateau,
    Schedule,
    StepDecay,
)
from clearprop.training.stopping import EarlyStopping, Stopping, TimeLimit
from clearprop.version import __version__

if TYPE_CHECKING:
    from clearprop import pictures
    from clearprop.insight.checking.check import check
    from clearprop.insight.checking.function import check_gradient
    from clearprop.insight.derivation.derive import derive
    from clearprop.insight.doctor.diagnose import diagnose
    from clearprop.insight.tracing.trace import Trace, trace

__all__ = [
    "ELU",
    "GELU",
    "L1",
    "L2",
    "LBFGS",
    "SGD",
    "Activation",
    "AdaGrad",
    "Adam",
    "AdamW",
    "BatchNorm",
    "ClearpropError",
    "Constant",
    "ConstantRate",
    "Cosine",
    "DataError",
    "Dataset",
    "Dense",
    "Distortion",
    "DivergenceError",
    "Dropout",
    "EarlyStopping",
    "Elastic",
    "Epoch",
    "Evaluation",
    "ExponentialDecay",
    "FileError",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Huber",
    "Identity",
    "Initializer",
    "InverseScaling",
    "InverseTime",
    "Layer",
    "LayerNorm",
    "LayerShapes",
    "LeCunNormal",
    "LeakyReLU",
    "Lion",
    "Loss",
    "MaxNorm",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Memo",
    "MissingExtra",
    "Model",
    "Nadam",
    "Network",
    "OneCycle",
    "Optimizer",
    "Penalty",
    "Poisson",
    "RMSProp",
    "ReLU",
    "ReduceOnPlateau",
    "Report",
    "Rotation",
    "Samples",
    "Scale",
    "Scaling",
    "Schedule",
    "SettingError",
    "ShapeError",
    "Shear",
    "Shift",
    "SiLU",
    "Sigmoid",
    "SigmoidCrossEntropy",
    "SoftmaxCrossEntropy",
    "Softplus",
    "Softsign",
    "SquaredError",
    "StandardNormal",
    "StepDecay",
    "Stopping",
    "Tanh",
    "TimeLimit",
    "Trace",
    "WeightDecay",
    "Workspace",
    "__version__",
    "check",
    "check_gradient",
    "data",
    "derive",
    "diagnose",
    "fit",
    "from_onnx",
    "load",
    "loss_and_gradient",
    "metrics",
    "one_hot",
    "pictures",
    "trace",
    "train",
    "value",
]

_WHEN_USED = {
    "Trace": "insight.tracing.trace",
    "check": "insight.checking.check",
    "check_gradient": "insight.checking.function",
    "derive": "insight.derivation.derive",
    "diagnose": "insight.doctor.diagnose",
    "pictures": "pictures",
    "trace": "insight.tracing.trace",
}


def __getattr__(name: str) -> Any:
    """What training does without is imported when it is first used."""
    if name not in _WHEN_USED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"clearprop.{_WHEN_USED[name]}")
    globals()[name] = value = getattr(module, name, module)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHEN_USED})
