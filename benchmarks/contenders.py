"""The contenders: the same network trained the same way by every library, each in the manner that it likes best.

All do the same work: Dense and ReLU, softmax cross-entropy, float32, plain SGD at RATE, every sample once an epoch
in a new random order. Each gets its data beforehand in the form that suits it. A new contender is one class here and
one row in CONTENDERS.
"""

import os
import time
import warnings
from abc import ABC, abstractmethod
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

import clearprop as cp
from common import installed

RATE = 0.1
SCALE = np.float32(1 / 255)

os.environ.setdefault("KERAS_BACKEND", "jax" if installed("jax") else "torch")


def glorot(sizes: tuple[int, ...]) -> list[NDArray[np.float32]]:
    rng = np.random.default_rng(0)
    return [(rng.uniform(-1, 1, pair) * np.sqrt(6 / sum(pair))).astype(np.float32) for pair in pairwise(sizes)]


class Contender(ABC):
    """A network of `sizes` that learns `images` (N, 784) uint8 with `labels` (N,). threads: None leaves the default."""

    module = "numpy"  # what is imported to use it; where that is not installed, the contender is left out
    reported: float | None = None  # what the library itself says that its last epoch took

    @abstractmethod
    def __init__(
        self, sizes: tuple[int, ...], batch: int, images: NDArray[Any], labels: NDArray[Any], threads: int | None
    ) -> None: ...

    @abstractmethod
    def train(self) -> None:
        """One pass over the samples."""

    @abstractmethod
    def predict(self, x: Any) -> Any:
        """The classes of `x`, which `inputs` prepared."""

    def inputs(self, x: NDArray[Any]) -> Any:
        """Images in the form that the library likes."""
        return np.multiply(x, SCALE, dtype=np.float32)

    def epoch(self) -> float:
        """Seconds that one epoch took by the wall clock."""
        start = time.perf_counter()
        self.train()
        return time.perf_counter() - start

    def accuracy(self, test: cp.Samples) -> float:
        return float(np.mean(np.asarray(self.predict(self.inputs(test.x))) == test.t))


class Clearprop(Contender):
    """The public interface; bytes are scaled as they are gathered."""

    module = "clearprop"

    def __init__(self, sizes, batch, images, labels, threads):
        hidden = [part for width in sizes[1:-1] for part in (width, "relu")]
        self.model = cp.Model(cp.Network(sizes[0], *hidden, sizes[-1]), cp.SoftmaxCrossEntropy())
        data = cp.Dataset(cp.Samples(images, labels), scaling=cp.Scaling(0.0, float(SCALE)))
        self.epochs = cp.train(self.model, data, cp.SGD(RATE), epochs=10**6, batch=batch, threads=threads)

    def inputs(self, x):
        return x

    def train(self):
        self.reported = next(self.epochs).seconds

    def predict(self, x):
        return self.model.predict(x)


class Buffers:
    """Every array of a step with `n` samples: activations a, gradients d, masks on."""

    def __init__(self, sizes: tuple[int, ...], n: int) -> None:
        self.bytes = np.empty((n, sizes[0]), np.uint8)
        self.a = [np.empty((n, width), np.float32) for width in sizes]
        self.d = [*(np.empty((n, width), np.float32) for width in sizes[:-1]), self.a[-1]]
        self.on = [np.empty((n, width), bool) for width in sizes]
        self.rows = np.arange(n)


class Bare(Contender):
    """A NumPy loop with nothing around it, no loss, no accuracy, no checks: the yardstick."""

    def __init__(self, sizes, batch, images, labels, threads):
        self.images, self.labels, self.batch = images, labels, batch
        self.W, self.b = glorot(sizes), [np.zeros(width, np.float32) for width in sizes[1:]]
        self.dW, self.db = [np.empty_like(W) for W in self.W], [np.empty_like(b) for b in self.b]
        self.buffers = {n: Buffers(sizes, n) for n in {batch, len(images) % batch or batch}}
        self.rng = np.random.default_rng(0)

    def inputs(self, x):
        return x

    def train(self):
        order = self.rng.permutation(len(self.images))
        for start in range(0, len(order), self.batch):
            self.step(order[start : start + self.batch])

    def step(self, rows):
        buffers = self.buffers[len(rows)]
        a, d, on, top = buffers.a, buffers.d, buffers.on, len(self.W)
        np.take(self.images, rows, axis=0, out=buffers.bytes, mode="clip")
        np.multiply(buffers.bytes, SCALE, out=a[0])
        for i in range(top):
            np.dot(a[i], self.W[i], out=a[i + 1])
            a[i + 1] += self.b[i]
            if i + 1 < top:
                np.maximum(a[i + 1], 0, out=a[i + 1])
        p = a[top]  # logits, then softmax, then the gradient of the loss
        p -= p.max(axis=1, keepdims=True)
        np.exp(p, out=p)
        p /= p.sum(axis=1, keepdims=True)
        p[buffers.rows, self.labels[rows]] -= 1
        p *= 1 / len(rows)
        for i in reversed(range(top)):
            np.dot(a[i].T, d[i + 1], out=self.dW[i])
            d[i + 1].sum(axis=0, out=self.db[i])
            if i:
                np.dot(d[i + 1], self.W[i].T, out=d[i])
                np.greater(a[i], 0, out=on[i])
                d[i] *= on[i]
        for parameter, gradient in zip(self.W + self.b, self.dW + self.db, strict=True):
            gradient *= RATE
            parameter -= gradient

    def predict(self, x):
        a = x * SCALE
        for W, b in zip(self.W[:-1], self.b[:-1], strict=True):
            a = np.maximum(a @ W + b, 0)
        return (a @ self.W[-1] + self.b[-1]).argmax(axis=1)


class Torch(Contender):
    """PyTorch, eager: tensors indexed by a random order, which is much faster than a DataLoader."""

    module = "torch"

    def __init__(self, sizes, batch, images, labels, threads):
        import torch

        if threads:
            torch.set_num_threads(threads)
        self.torch, self.batch = torch, batch
        self.x, self.t = self.inputs(images), torch.tensor(labels)
        layers = [layer for pair in pairwise(sizes) for layer in (torch.nn.Linear(*pair), torch.nn.ReLU())]
        self.net = torch.nn.Sequential(*layers[:-1])
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=RATE, fused=True)

    def inputs(self, x):
        return self.torch.from_numpy(super().inputs(x))

    def loss(self, logits, rows):
        return self.torch.nn.functional.cross_entropy(logits, self.t[rows])

    def step(self, rows):
        self.optimizer.zero_grad()
        self.loss(self.net(self.x[rows]), rows).backward()
        self.optimizer.step()

    def train(self):
        for rows in self.torch.randperm(len(self.x)).split(self.batch):
            self.step(rows)

    def predict(self, x):
        with self.torch.inference_mode():
            return self.net(x).argmax(1)


class TorchCompiled(Torch):
    """PyTorch with gathering, gradient and update compiled into one function; needs a C++ compiler."""

    def __init__(self, sizes, batch, images, labels, threads):
        super().__init__(sizes, batch, images, labels, threads)
        torch, parameters = self.torch, {name: p.detach() for name, p in self.net.named_parameters()}

        def loss(parameters, rows):
            return self.loss(torch.func.functional_call(self.net, parameters, self.x[rows]), rows)

        def step(rows):
            gradient = torch.func.grad(loss)(parameters, rows)
            for name, parameter in parameters.items():
                parameter.sub_(gradient[name], alpha=RATE)

        self.step = torch.compile(step, dynamic=False)


class Jax(Contender):
    """JAX, the whole epoch compiled as one scan."""

    module = "jax"

    def __init__(self, sizes, batch, images, labels, threads):
        import jax
        import jax.numpy as jnp

        def logits(theta, x):
            for W, b in theta[:-1]:
                x = jax.nn.relu(x @ W + b)
            W, b = theta[-1]
            return x @ W + b

        def loss(theta, x, t):
            return -jnp.take_along_axis(jax.nn.log_softmax(logits(theta, x)), t[:, None], axis=1).mean()

        def epoch(theta, x, t, full, rest):
            def step(theta, rows):
                gradient = jax.grad(loss)(theta, x[rows], t[rows])
                return jax.tree.map(lambda parameter, slope: parameter - RATE * slope, theta, gradient), None

            theta, _ = jax.lax.scan(step, theta, full)
            return step(theta, rest)[0] if len(rest) else theta

        self.jax, self.batch = jax, batch
        self.x, self.t = self.inputs(images), jnp.asarray(labels, jnp.int32)
        self.theta = [(jnp.asarray(W), jnp.zeros(W.shape[1])) for W in glorot(sizes)]
        self.rng = np.random.default_rng(0)
        self.compiled_epoch = jax.jit(epoch, donate_argnums=0)
        self.compiled_classes = jax.jit(lambda theta, x: logits(theta, x).argmax(axis=1))

    def inputs(self, x):
        return self.jax.numpy.asarray(super().inputs(x))

    def train(self):
        order = self.rng.permutation(len(self.x)).astype(np.int32)
        whole = len(order) // self.batch * self.batch
        full, rest = order[:whole].reshape(-1, self.batch), order[whole:]
        self.theta = self.jax.block_until_ready(self.compiled_epoch(self.theta, self.x, self.t, full, rest))

    def predict(self, x):
        return self.compiled_classes(self.theta, x).block_until_ready()


class ScikitLearn(Contender):
    """MLPClassifier, one partial_fit an epoch."""

    module = "sklearn.neural_network"

    def __init__(self, sizes, batch, images, labels, threads):
        from sklearn.neural_network import MLPClassifier

        warnings.filterwarnings("ignore", module="sklearn")  # one iteration at a time never converges
        self.x, self.t = self.inputs(images), labels
        self.model = MLPClassifier(
            sizes[1:-1], solver="sgd", alpha=0, batch_size=batch, learning_rate_init=RATE, max_iter=1, momentum=0,
            nesterovs_momentum=False,
        )  # fmt: skip

    def train(self):
        self.model.partial_fit(self.x, self.t, classes=range(10))

    def predict(self, x):
        return self.model.predict(x)


class Keras(Contender):
    """Keras, one fit an epoch, on JAX where that is installed, else on PyTorch."""

    module = "keras"

    def __init__(self, sizes, batch, images, labels, threads):
        import keras

        self.x, self.t, self.batch = self.inputs(images), labels, batch
        hidden = [keras.layers.Dense(width, activation="relu") for width in sizes[1:-1]]
        self.model = keras.Sequential([keras.Input((sizes[0],)), *hidden, keras.layers.Dense(sizes[-1])])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.model.compile(keras.optimizers.SGD(RATE), loss)

    def train(self):
        self.model.fit(self.x, self.t, batch_size=self.batch, epochs=1, verbose=0)

    def predict(self, x):
        return np.asarray(self.model.predict_on_batch(x)).argmax(axis=1)


CONTENDERS: dict[str, type[Contender]] = {
    "clearprop": Clearprop,
    "bare": Bare,
    "jax": Jax,
    "torch": Torch,
    "torch-compiled": TorchCompiled,
    "sklearn": ScikitLearn,
    "keras": Keras,
}
