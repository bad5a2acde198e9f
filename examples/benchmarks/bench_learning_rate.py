"""Does the range test find the rates that train well, and what does a schedule buy?

Each model is trained for some epochs at rates that lie a factor of ``STEP`` apart, with
each schedule; its loss on held-out rows is the figure. Two questions are answered from
the same table:

1. ``lr_range_test`` (means over 3 seeds): is the best rate of the table within
   ``suggested_range``? What does ``suggested`` lose, as a ratio of losses? The nearest
   rate of the table stands for it.
2. The loss of each schedule, as a ratio to the best of the constant rate: at its own
   best rate, and at rates 3, 10 and 30 times the best constant one.
"""

import argparse
import time
import warnings

import _common  # first of all that loads numpy: it limits the BLAS threads
import numpy as np
from sklearn import datasets
from sklearn.base import clone
from sklearn.linear_model import SGDClassifier, SGDRegressor
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skhpo.learning_rate import ScheduledPartialFit, lr_range_test

STEP = np.sqrt(10)
RATES = 1e-4 * STEP ** np.arange(10)  # 1e-4 .. 3.2
SCHEDULES = ["constant", "linear", "cosine", "warmup_cosine", "one_cycle", "cyclical"]


def problems():
    """(name, model, X, y): three of classes and one of numbers."""
    tasks = {
        "digits": datasets.load_digits(return_X_y=True),
        "cancer": datasets.load_breast_cancer(return_X_y=True),
        "noisy": datasets.make_classification(
            2000, 64, n_informative=12, n_classes=4, flip_y=0.1, random_state=3
        ),
        "friedman": datasets.make_friedman1(2000, 20, noise=1.0, random_state=0),
    }
    for name, (X, y) in tasks.items():
        is_numeric = name == "friedman"
        network = MLPRegressor if is_numeric else MLPClassifier
        sgd = SGDRegressor() if is_numeric else SGDClassifier(loss="log_loss")
        y = (y - y.mean()) / y.std() if is_numeric else y
        yield name, "SGD", sgd, X, y
        for solver in ("adam", "sgd"):
            model = network(hidden_layer_sizes=(32,), solver=solver)
            yield name, f"MLP by {solver}", model, X, y


def held_out_loss(model, X, y, seed):
    """Loss after training; inf = the numbers blew up."""
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.4, random_state=seed)
    model = make_pipeline(StandardScaler(), model)
    try:
        model.fit(X, y)
        if not hasattr(model, "predict_proba"):
            return mean_squared_error(y_test, model.predict(X_test))
        return log_loss(y_test, np.clip(model.predict_proba(X_test), 1e-7, 1))
    except ValueError:
        return np.inf


def table_of(model, X, y, epochs, seeds):
    """(schedules, rates) mean losses."""
    losses = np.empty((len(SCHEDULES), len(RATES)))
    for i, schedule in enumerate(SCHEDULES):
        for j, rate in enumerate(RATES):
            settings = dict(lr_max=rate, warmup=0.2, epochs=epochs)
            runs = [
                held_out_loss(
                    ScheduledPartialFit(
                        clone(model), schedule, random_state=seed, **settings
                    ),
                    *(X, y, seed),
                )
                for seed in range(seeds)
            ]
            losses[i, j] = np.mean(runs)
    return losses


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", default="", help="tasks whose name contains this")
    parser.add_argument("--quick", action="store_true", help="cancer, 5 epochs")
    args = parser.parse_args()
    if args.quick:
        args.only, args.epochs = "cancer", 5
    warnings.simplefilter("ignore")
    _common.print_machine()
    report([p for p in problems() if args.only in p[0]], args)


def report(chosen, args):
    start, found, ratios = time.process_time(), [], []
    for task, name, model, X, y in chosen:
        losses = table_of(model, X, y, args.epochs, args.seeds)
        found.append([f"{task}, {name}", *range_row(model, X, y, losses)])
        ratios.append(schedule_ratios(losses))
    headers = ["model", "CPU s", "suggested", "low", "high", "best constant", "within"]
    headers += ["loss", "best cosine", "within", "loss"]
    _common.print_table("1. The range test", headers, found)
    headers = ["schedule", "its best", "x1", "x3", "x10", "x30"]
    middle = np.median(ratios, axis=0)
    rows = [[s, *map(float, row)] for s, row in zip(SCHEDULES, middle, strict=True)]
    title = f"2. Loss over the best constant rate's, median of {len(chosen)} models"
    _common.print_table(title, headers, rows)
    print(f"\n{time.process_time() - start:.0f} s of CPU")


def range_row(model, X, y, losses):
    """Return what one line of the first table says."""
    pipeline, start = make_pipeline(StandardScaler(), model), time.process_time()
    tests = [lr_range_test(pipeline, X, y, random_state=seed) for seed in range(3)]
    seconds = (time.process_time() - start) / 3
    suggested, low, high = np.exp(
        np.mean(np.log([(t.suggested, *t.suggested_range) for t in tests]), axis=0)
    )
    row = [seconds, *(f"{rate:.1g}" for rate in (suggested, low, high))]
    for schedule in ("constant", "cosine"):
        curve = losses[SCHEDULES.index(schedule)]
        best = RATES[np.argmin(curve)]
        nearest = np.argmin(np.abs(np.log(RATES / suggested)))
        row += [f"{best:.1g}", "yes" if low <= best <= high else "NO"]
        row.append(float(curve[nearest] / curve.min()))
    return row


def schedule_ratios(losses):
    """Return (schedules, 5): the best, and at 1, 3, 10 and 30 times the best rate."""
    constant = losses[0]
    best = int(np.argmin(constant))
    places = np.minimum(best + np.arange(4), len(RATES) - 1)
    columns = np.c_[losses.min(axis=1), losses[:, places]]
    return columns / constant[best]


if __name__ == "__main__":
    main()
