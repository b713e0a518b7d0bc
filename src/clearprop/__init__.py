"""clearprop: feed-forward neural networks that you can read, watch, verify and use."""

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
from clearprop.data.dataset import Dataset, Samples, one_hot
from clearprop.data.scaling import Scaling
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
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
    SquaredError,
)
from clearprop.layers.normalization import BatchNorm, LayerNorm
from clearprop.network import metrics
from clearprop.network.gradient import Workspace, loss_and_gradient
from clearprop.network.metrics import Evaluation
from clearprop.network.model import Model, load
from clearprop.network.network import Network
from clearprop.training.loop import fit, train
from clearprop.training.optimizers import SGD, AdaGrad, Adam, Lion, Nadam, Optimizer, RMSProp
from clearprop.training.report import Epoch, Report
from clearprop.version import __version__

__all__ = [
    "ELU",
    "GELU",
    "SGD",
    "Activation",
    "AdaGrad",
    "Adam",
    "BatchNorm",
    "ClearpropError",
    "Constant",
    "DataError",
    "Dataset",
    "Dense",
    "DivergenceError",
    "Dropout",
    "Epoch",
    "Evaluation",
    "FileError",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Huber",
    "Identity",
    "Initializer",
    "Layer",
    "LayerNorm",
    "LayerShapes",
    "LeCunNormal",
    "LeakyReLU",
    "Lion",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Memo",
    "MissingExtra",
    "Model",
    "Nadam",
    "Network",
    "Optimizer",
    "RMSProp",
    "ReLU",
    "Report",
    "Samples",
    "Scaling",
    "SettingError",
    "ShapeError",
    "SiLU",
    "Sigmoid",
    "SigmoidCrossEntropy",
    "SoftmaxCrossEntropy",
    "Softplus",
    "Softsign",
    "SquaredError",
    "StandardNormal",
    "Tanh",
    "Workspace",
    "__version__",
    "data",
    "fit",
    "load",
    "loss_and_gradient",
    "metrics",
    "one_hot",
    "train",
]
