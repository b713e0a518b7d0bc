"""The lines of a standalone file that are the same for every model, in NumPy and in plain Python.

HELPERS: what a row of `standalone.ROWS` may call, put into the file where it is called.
"""

NUMPY_HELPERS = {
    "sigmoid": '''
def sigmoid(x):
    """1 / (1 + exp(-x)), without overflow."""
    return np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))
''',
    "softmax": '''
def softmax(z):
    """exp(z) / sum of exp(z) in each row, without overflow."""
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
''',
    "gelu": '''
def gelu(x):
    """x Phi(x), with the normal distribution function Phi."""
    erf = np.vectorize(math.erf, otypes=[x.dtype])
    return 0.5 * x * (1 + erf(x / math.sqrt(2)))
''',
    "batch_norm": '''
def batch_norm(x, gamma, beta, mean, variance, epsilon):
    """Each feature by the mean and variance that it had in training."""
    return (x - mean) / np.sqrt(variance + epsilon) * gamma + beta
''',
    "layer_norm": '''
def layer_norm(x, gamma, beta, epsilon):
    """Each row by its own mean and variance."""
    centered = x - x.mean(axis=1, keepdims=True)
    return centered / np.sqrt(np.square(centered).mean(axis=1, keepdims=True) + epsilon) * gamma + beta
''',
}

PLAIN_HELPERS = {
    "sigmoid": '''
def sigmoid(v):
    """1 / (1 + exp(-v)), without overflow."""
    return math.exp(min(v, 0.0)) / (1 + math.exp(-abs(v)))
''',
    "softmax": '''
def softmax(z):
    """exp(z) / sum of exp(z), without overflow."""
    top = max(z)
    e = [math.exp(v - top) for v in z]
    total = sum(e)
    return [v / total for v in e]
''',
    "gelu": '''
def gelu(v):
    """v Phi(v), with the normal distribution function Phi."""
    return 0.5 * v * (1 + math.erf(v / math.sqrt(2)))
''',
    "dense": '''
def dense(x, columns, biases):
    """x W + b; W is given as its columns, one for each output."""
    return [sum(map(operator.mul, x, column)) + b for column, b in zip(columns, biases)]
''',
    "batch_norm": '''
def batch_norm(x, gamma, beta, mean, variance, epsilon):
    """Each feature by the mean and variance that it had in training."""
    rows = zip(x, gamma, beta, mean, variance)
    return [(v - m) / math.sqrt(s + epsilon) * g + b for v, g, b, m, s in rows]
''',
    "layer_norm": '''
def layer_norm(x, gamma, beta, epsilon):
    """The row by its own mean and variance."""
    mean = sum(x) / len(x)
    deviation = math.sqrt(sum((v - mean) ** 2 for v in x) / len(x) + epsilon)
    return [(v - mean) / deviation * g + b for v, g, b in zip(x, gamma, beta)]
''',
}

NUMPY_ARRAY = '''
def array(kind, shape, text):
    """Numbers of little-endian bytes, written in base64."""
    return np.frombuffer(base64.b64decode(text), kind).reshape(shape)
'''

PLAIN_ARRAY = '''
def array(kind, shape, text):
    """Numbers of little-endian bytes, written in base64: a list, or the list of a matrix's columns."""
    values = [v for (v,) in struct.iter_unpack(kind, base64.b64decode(text))]
    return values if len(shape) == 1 else [values[j :: shape[1]] for j in range(shape[1])]
'''

NUMPY_CHECKED = '''
def checked(x):
    """x as an array (N, INPUTS) of finite numbers."""
    x = np.asarray(x)
    x = x.astype(np.result_type(x, DTYPE)).reshape(len(x), -1)
    if x.shape[1] != INPUTS or not np.isfinite(x).all():
        raise ValueError(f"wanted rows of {INPUTS} finite numbers, got an array of shape {x.shape}")
    return x
'''

PLAIN_CHECKED = '''
def checked(x):
    """x as a list of rows of INPUTS finite numbers."""
    x = [[float(v) for v in row] for row in x]
    if not all(len(row) == INPUTS and all(map(math.isfinite, row)) for row in x):
        raise ValueError(f"wanted rows of {INPUTS} finite numbers")
    return x
'''

MAIN = '''
def is_number(cell):
    """Whether a cell of a table holds a finite number."""
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def main():
    """Read rows of numbers from standard input, write predictions to standard output."""
    rows = [row for row in csv.reader(io.TextIOWrapper(sys.stdin.buffer, "utf-8-sig")) if row]
    if rows and not any(map(is_number, rows[0])):
        del rows[0]  # the names of the columns
    for row in rows:
        if len(row) != INPUTS or not all(map(is_number, row)):
            sys.exit(f"wanted {INPUTS} numbers with commas between them, got {','.join(row)[:60]}")
    if not rows:
        sys.exit(f"wanted rows of {INPUTS} numbers on standard input, got none")
    x = [[float(cell) for cell in row] for row in rows]
    answers = csv.writer(sys.stdout, lineterminator="\\n")
    answers.writerow(COLUMNS)
    for row in table(x):
        answers.writerow([f"{v:.7g}" if isinstance(v, float) else v for v in row])
'''
