"""The estimators: scikit-learn's own checks, the same networks as scikit-learn's, and what they add."""

import pickle
import runpy
import signal
import subprocess
import sys
import warnings

import numpy as np
import pytest
from scipy.sparse import csc_array, csr_array, csr_matrix
from sklearn import neural_network
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_diabetes, load_digits, load_iris, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import clearprop as cp
from clearprop.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_digits(return_X_y=True)
X, Y = X[:600] / 16, Y[:600]
XR, YR = load_diabetes(return_X_y=True)
YR = (YR - YR.mean()) / YR.std()
NAMES = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([MLPClassifier(max_iter=100), MLPRegressor(max_iter=100)])
def test_every_estimator_check_passes(estimator, check) -> None:
    check(estimator)


def test_no_check_is_skipped_for_want_of_a_package() -> None:
    import pandas
    from scipy._lib._array_api import SCIPY_ARRAY_API

    assert SCIPY_ARRAY_API
    assert pandas


def alone(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_importing_clearprop_does_not_import_it() -> None:
    alone("import sys, clearprop; assert not {'sklearn', 'scipy'} & set(sys.modules)")


def test_without_scikit_learn_it_says_what_to_install() -> None:
    alone(
        "import sys; sys.modules['sklearn'] = None\n"
        "try: import clearprop.sklearn\n"
        "except ImportError as error: assert 'clearprop[sklearn]' in str(error)\n"
        "else: raise SystemExit(1)"
    )


# the same network as scikit-learn's

SETTINGS = [
    {},
    {"solver": "sgd", "learning_rate_init": 0.1},
    {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.5, "nesterovs_momentum": False},
    {"solver": "sgd", "learning_rate": "adaptive", "learning_rate_init": 0.5, "tol": 0.05, "n_iter_no_change": 2},
    {"solver": "sgd", "momentum": 0.0, "shuffle": False},
    {"activation": "logistic", "hidden_layer_sizes": (20, 10), "batch_size": 64, "alpha": 0.1},
    {"activation": "tanh", "hidden_layer_sizes": [15], "beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-4},
    {"activation": "identity", "hidden_layer_sizes": ()},
    {"solver": "lbfgs", "hidden_layer_sizes": 8, "alpha": 0.5},
]
FITTED = ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_")


def same(ours, theirs, atol: float = 1e-10) -> None:
    for name in FITTED:
        assert getattr(ours, name) == getattr(theirs, name)
    for mine, other in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
        np.testing.assert_allclose(mine, other, atol=atol)


def pair(name: str, **settings):
    settings = {"max_iter": 12, "hidden_layer_sizes": (30,), "random_state": 3} | settings
    return globals()[name](**settings), getattr(neural_network, name)(**settings)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_the_same_call_makes_the_same_classifier(settings) -> None:
    ours, theirs = (estimator.fit(X, NAMES[Y]) for estimator in pair("MLPClassifier", **settings))
    same(ours, theirs)
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-10)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-9)
    np.testing.assert_array_equal(ours.classes_, theirs.classes_)
    if settings.get("solver") != "lbfgs":
        np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-10)
        assert ours.best_loss_ == pytest.approx(theirs.best_loss_, rel=1e-10)


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_the_same_call_makes_the_same_regressor(loss: str, solver: str) -> None:
    y = YR if loss == "squared_error" else np.abs(YR)
    ours, theirs = (e.fit(XR, y) for e in pair("MLPRegressor", loss=loss, solver=solver, learning_rate_init=0.01))
    same(ours, theirs, atol=1e-9)
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-8)
    np.testing.assert_allclose(ours.predict(XR), theirs.predict(XR), atol=1e-8)


def test_the_same_early_stopping_for_two_classes() -> None:
    names = {"early_stopping": True, "max_iter": 60, "n_iter_no_change": 3, "validation_fraction": 0.2}
    ours, theirs = (e.fit(X, np.where(Y < 5, "low", "high")) for e in pair("MLPClassifier", **names))
    same(ours, theirs)
    assert ours.validation_scores_ == theirs.validation_scores_
    assert ours.best_validation_score_ == theirs.best_validation_score_
    assert ours.best_loss_ is theirs.best_loss_ is None
    assert len(ours.validation_loss_curve_) == ours.n_iter_


def test_the_same_several_labels_several_values_and_partial_fits() -> None:
    x, labels = make_multilabel_classification(random_state=0)
    ours, theirs = (e.fit(x, labels) for e in pair("MLPClassifier"))
    same(ours, theirs)
    np.testing.assert_array_equal(ours.predict(x), theirs.predict(x))
    several = np.column_stack([YR, -YR, YR**2])
    ours, theirs = (e.fit(XR, several) for e in pair("MLPRegressor"))
    same(ours, theirs)
    assert ours.predict(XR).shape == several.shape
    ours, theirs = pair("MLPClassifier", solver="sgd", learning_rate="invscaling", learning_rate_init=0.1)
    for start in (0, 200, 400):
        for estimator in (ours, theirs):
            estimator.partial_fit(X[start : start + 200], Y[start : start + 200], classes=range(10))
    same(ours, theirs)


def test_a_warm_start_goes_on_as_scikit_learns() -> None:
    ours, theirs = pair("MLPClassifier", warm_start=True, max_iter=4)
    for _ in range(3):
        ours.fit(X, Y), theirs.fit(X, Y)
    same(ours, theirs)
    assert len(ours.loss_curve_) == 12
    with pytest.raises(cp.SettingError, match="the network of the first call"):
        ours.set_params(hidden_layer_sizes=(31,)).fit(X, Y)


def test_parameters_and_defaults_are_scikit_learns() -> None:
    for name in ("MLPClassifier", "MLPRegressor"):
        ours, theirs = globals()[name]().get_params(), getattr(neural_network, name)().get_params()
        assert {key: ours[key] for key in theirs} == theirs


# as part of scikit-learn's machinery


def test_it_works_in_pipeline_grid_search_calibration_and_cross_validation() -> None:
    small = MLPClassifier((16,), max_iter=20, batch_size=32, learning_rate_init=0.01, random_state=0)
    assert cross_val_score(make_pipeline(StandardScaler(), small), X, NAMES[Y], cv=3).mean() > 0.8
    grid = GridSearchCV(small, {"activation": ["relu", "gelu"], "dropout": [0.0, 0.1]}, cv=2).fit(X, Y)
    assert grid.best_score_ > 0.8
    calibrated = CalibratedClassifierCV(small, cv=2).fit(X, Y, sample_weight=np.ones(len(Y)))
    assert calibrated.predict_proba(X).shape == (600, 10)


def test_data_frames_keep_their_names() -> None:
    frame = load_iris(as_frame=True)
    estimator = MLPClassifier((8,), solver="lbfgs", random_state=0).fit(frame.data, frame.target)
    assert list(estimator.feature_names_in_) == list(frame.data.columns)
    with pytest.raises(ValueError, match="feature names should match"):
        estimator.predict(frame.data[frame.data.columns[::-1]])


def test_pickle_and_clone() -> None:
    estimator = MLPClassifier((8,), schedule=cp.Cosine(), activation=["gelu"], max_iter=3).fit(X, NAMES[Y])
    again = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(again.predict(X), estimator.predict(X))
    assert clone(estimator).get_params() == estimator.get_params()


def test_the_model_inside_can_be_saved_and_answers_with_the_classes(tmp_path) -> None:
    estimator = MLPClassifier((8,), max_iter=5).fit(X, NAMES[Y])
    estimator.model_.save(tmp_path / "model.safetensors")
    loaded = cp.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.predict(X), estimator.predict(X))
    estimator.coefs_[0][...] = 0.0
    assert not estimator.model_.weights["dense1.W"].any()


def test_a_model_of_counts_can_be_saved_and_exported(tmp_path) -> None:
    estimator = MLPRegressor("poisson", (8,), max_iter=5, random_state=0).fit(XR, np.abs(YR))
    estimator.model_.save(tmp_path / "model.safetensors")
    loaded = cp.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.predict(XR), estimator.predict(XR))
    loaded.to_python(tmp_path / "model.py")
    module = runpy.run_path(str(tmp_path / "model.py"))
    np.testing.assert_allclose(module["predict"](XR), estimator.predict(XR), rtol=1e-6)


# what is added


def test_epochs_can_be_followed_and_left() -> None:
    estimator = MLPClassifier((16,), early_stopping=True, random_state=0, learning_rate_init=0.01)
    for epoch in estimator.iter_fit(X, NAMES[Y]):
        assert estimator.loss_ == epoch.loss
        assert epoch.test_accuracy == estimator.validation_scores_[-1]
        assert epoch.test_loss == estimator.validation_loss_curve_[-1]
        if epoch.number == 7:
            break
    assert estimator.n_iter_ == 7
    assert estimator.score(X, NAMES[Y]) > 0.5


def test_dropout_batch_norm_and_an_activation_for_each_layer() -> None:
    settings = {"hidden_layer_sizes": (32, 16), "dropout": [0.2, 0.0], "batch_norm": True}
    activation = ["leaky_relu", cp.ELU(0.5)]
    estimator = MLPClassifier(activation=activation, **settings, learning_rate_init=0.01, random_state=0, max_iter=30)
    estimator.fit(X, Y)
    kinds = [type(layer).__name__ for layer in estimator.model_.network]
    assert kinds == ["Dense", "BatchNorm", "LeakyReLU", "Dropout", "Dense", "BatchNorm", "ELU", "Dense"]
    assert [W.shape for W in estimator.coefs_] == [(64, 32), (32, 16), (16, 10)]
    assert estimator.score(X, Y) > 0.97
    np.testing.assert_array_equal(estimator.model_.theta, clone(estimator).fit(X, Y).model_.theta)


def test_a_schedule_moves_the_learning_rate() -> None:
    estimator = MLPRegressor(schedule=cp.StepDecay(0.1, every=2), max_iter=6, random_state=0, tol=0)
    rates = [epoch.learning_rate for epoch in estimator.iter_fit(XR, YR)]
    np.testing.assert_allclose(rates, [1e-3, 1e-3, 1e-4, 1e-4, 1e-5, 1e-5])


def test_class_weights_are_sample_weights() -> None:
    settings = {"max_iter": 5, "random_state": 0, "hidden_layer_sizes": (8,)}
    weights = np.where(Y == 3, 7.0, 1.0)
    a = MLPClassifier(class_weight={"three": 7.0}, **settings).fit(X, NAMES[Y])
    b = MLPClassifier(**settings).fit(X, NAMES[Y], sample_weight=weights)
    np.testing.assert_allclose(a.model_.theta, b.model_.theta, atol=1e-12)
    rare = np.r_[np.flatnonzero(Y == 0)[:5], np.flatnonzero(Y == 1)]
    plain, fair = (MLPClassifier(class_weight=w, solver="lbfgs", **settings) for w in (None, "balanced"))
    recalls = [np.mean(e.fit(X[rare], Y[rare]).predict(X[Y == 0]) == 0) for e in (plain, fair)]
    assert recalls[1] >= recalls[0]


@pytest.mark.parametrize("kind", [csr_matrix, csr_array, csc_array])
@pytest.mark.parametrize("settings", [{}, {"early_stopping": True}, {"solver": "lbfgs"}], ids=str)
def test_sparse_inputs_give_the_same_network(kind, settings) -> None:
    a, b = (MLPClassifier((8,), max_iter=4, random_state=0, **settings).fit(x, Y) for x in (X, kind(X)))
    np.testing.assert_allclose(a.model_.theta, b.model_.theta, atol=1e-12)
    np.testing.assert_allclose(a.predict_proba(X), b.predict_proba(kind(X)), atol=1e-12)


def test_sparse_inputs_are_never_dense_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = []
    original = csr_matrix.toarray
    monkeypatch.setattr(csr_matrix, "toarray", lambda m, *a, **k: rows.append(m.shape[0]) or original(m, *a, **k))
    wide = csr_matrix((np.ones(3000), (np.arange(3000), np.arange(3000) * 7 % 5000)), shape=(3000, 5000))
    y = np.arange(3000) % 2
    estimator = MLPClassifier((2,), max_iter=1, batch_size=50, early_stopping=True).fit(wide, y)
    estimator.predict(wide)
    assert max(rows) <= 1024
    assert rows.count(50) >= 54


def test_float32_stays_float32() -> None:
    estimator = MLPClassifier((8,), max_iter=2).fit(X.astype(np.float32), Y)
    assert {a.dtype for a in estimator.coefs_ + estimator.intercepts_} == {np.dtype("float32")}
    assert estimator.predict_proba(X.astype(np.float32)).dtype == np.float32
    assert MLPRegressor(max_iter=2).fit(XR.astype("f4"), YR).predict(XR).dtype == np.float32


def test_one_class_is_predicted_as_such() -> None:
    estimator = MLPClassifier((4,), max_iter=2).fit(X[:20], ["only"] * 20)
    assert set(estimator.predict(X)) == {"only"}
    assert estimator.predict_proba(X).shape == (600, 1)


# warnings and errors


@pytest.mark.filterwarnings("error")
def test_it_warns_where_scikit_learn_does(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.warns(ConvergenceWarning, match="raise max_iter"):
        MLPClassifier((4,), max_iter=2, verbose=True).fit(X, Y)
    assert capsys.readouterr().out.startswith("Iteration 1, loss = ")
    with pytest.warns(ConvergenceWarning, match="lbfgs has not converged after 2 iterations"):
        MLPClassifier((4,), max_iter=2, solver="lbfgs").fit(X, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MLPClassifier((4,), tol=10.0).fit(X, Y)
    with pytest.warns(UserWarning, match="batch_size=900 is cut to 600"):
        MLPClassifier((4,), batch_size=900, tol=10.0).fit(X, Y)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers here")
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_ctrl_c_keeps_what_was_learned(solver: str) -> None:
    estimator = MLPClassifier((4,), solver=solver, tol=0.0, random_state=0, alpha=1e-9)
    estimator.set_params(max_iter=100_000, n_iter_no_change=np.inf, max_fun=10**9)
    noise = np.random.default_rng(0).integers(0, 10, len(X))
    usual = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        with pytest.warns(UserWarning, match="interrupted by user"):
            estimator.fit(X, noise)
    finally:
        signal.signal(signal.SIGALRM, usual)
    assert estimator.n_iter_ >= 1
    assert estimator.predict(X).shape == (600,)


BAD = [
    ({"learning_rate_init": 0.0}, "learning_rate_init to be a finite number above 0, got 0.0"),
    ({"learning_rate_init": -1}, "learning_rate_init"),
    ({"activation": "rleu"}, "did you mean relu"),
    ({"activation": "dropout"}, "the name of an activation, got 'dropout'"),
    ({"activation": cp.Dense(3)}, r"the name of an activation, got Dense\(3\)"),
    ({"activation": ["relu", "tanh"]}, "activation for each of the 1 hidden layers"),
    ({"solver": "lbgfs"}, "did you mean lbfgs"),
    ({"n_iter_no_change": 0}, "n_iter_no_change"),
    ({"hidden_layer_sizes": (8, 0)}, "each of hidden_layer_sizes"),
    ({"class_weight": {"tree": 2.0}}, "did you mean three"),
    ({"class_weight": {"three": -2.0}}, "class_weight of three"),
    ({"dropout": 1.0}, "rate below 1"),
    ({"schedule": "cosine"}, "such as cp.Cosine"),
    ({"schedule": cp.Cosine(), "solver": "sgd", "learning_rate": "adaptive"}, "one rule for the learning rate"),
    ({"early_stopping": True, "validation_fraction": 0.01}, "a validation part with each of the 10 classes"),
    ({"solver": "lbfgs", "dropout": 0.5}, "one loss for the whole run"),
]


@pytest.mark.parametrize(("settings", "message"), BAD, ids=[str(bad[0]) for bad in BAD])
def test_bad_settings_are_told_in_one_sentence(settings, message: str) -> None:
    with pytest.raises(cp.ClearpropError, match=message) as told:
        MLPClassifier(**settings).fit(X, NAMES[Y])
    assert "\n" not in str(told.value)


def test_a_rate_that_falls_to_nothing() -> None:
    MLPClassifier((4,), solver="sgd", learning_rate="invscaling", power_t=1e6, max_iter=2).fit(X, Y)


def test_bad_targets_are_told() -> None:
    with pytest.raises(cp.DataError, match="but not of all"):
        MLPRegressor(early_stopping=True, validation_fraction=0.999).fit(XR, YR)
    changed = MLPRegressor(max_iter=1, warm_start=True).fit(XR, YR).set_params(loss="poisson")
    with pytest.raises(cp.SettingError, match=r"targets for the loss of the first call, SquaredError\(\)"):
        changed.fit(XR, YR**2)
    begun = MLPClassifier(max_iter=1, warm_start=True).fit(X, NAMES[Y])
    with pytest.raises(cp.DataError, match="one class each, as before, got several labels each"):
        begun.fit(X, np.eye(10, dtype=int)[Y])
    assert begun.predict(X[:1])[0] in NAMES
    with pytest.raises(ValueError, match="Input y contains NaN"):
        MLPRegressor().fit(XR, np.where(YR > 1, np.nan, YR))
    with pytest.raises(cp.DataError, match="at least 0"):
        MLPRegressor("poisson").fit(XR, YR)
    with pytest.raises(cp.DataError, match="at least 2 samples of each class, got 1 of class odd"):
        MLPClassifier(early_stopping=True).fit(X, ["odd"] + ["even"] * 599)
    with pytest.raises(cp.DataError, match="none of class odd"):
        MLPClassifier(early_stopping=True).fit(X, ["odd"] * 2 + ["even"] * 598)
    with pytest.raises(cp.SettingError, match="classes in the first call"):
        MLPClassifier().partial_fit(X, Y)
    with pytest.raises(cp.SettingError, match="no early_stopping in partial_fit"):
        MLPRegressor(early_stopping=True).partial_fit(XR, YR)
    started = MLPClassifier((4,)).partial_fit(X, Y, classes=range(10))
    with pytest.raises(cp.DataError, match="classes_ as before"):
        started.partial_fit(X, Y + 1)
    assert not hasattr(MLPClassifier(solver="lbfgs"), "partial_fit")
    with pytest.raises(cp.DivergenceError, match="learning rate"):
        MLPRegressor(solver="sgd", learning_rate_init=1e3, max_iter=20).fit(XR * 1e3, YR * 1e3)
