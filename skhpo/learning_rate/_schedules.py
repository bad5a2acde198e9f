"""The shapes of the schedules: the share of training done -> the factor of the rate.

======  ==========================================================  ==================
symbol  meaning                                                     law
======  ==========================================================  ==================
p       share of the training that is done before an update         0 <= p < 1
w       share of it in which the rate rises (``warmup``)            0 <= w < 1
f(p)    factor: the rate is lr_min (1 - f) + lr_max f               0 < f <= 1
======  ==========================================================  ==================

References
----------
L. N. Smith, "Cyclical learning rates for training neural networks", 2017,
arXiv:1506.01186.

I. Loshchilov, F. Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017,
arXiv:1608.03983.

L. N. Smith, N. Topin, "Super-convergence: very fast training of neural networks using
large learning rates", 2019, arXiv:1708.07120.
"""

from functools import partial
from math import cos, isfinite, pi
from numbers import Real

from skhpo._errors import did_you_mean

#: Where a rising rate begins, as a part of the largest (as in fastai and PyTorch).
START = 1 / 25

#: Where one_cycle ends, as a part of the largest (the same).
END = START / 1e4


def constant(p):
    """Return 1."""
    return 1.0


def linear(p):
    """Fall on a straight line to 0."""
    return 1 - p


def cosine(p):
    """Fall on half a cosine to 0: eq. (5) of Loshchilov and Hutter, no restarts."""
    return cos(pi * p / 2) ** 2  # = (1 + cos(pi p)) / 2, and above 0 for all p < 1


def warmup_cosine(p, w):
    """Rise on a straight line until w, then fall on half a cosine."""
    return START + (1 - START) * p / w if p < w else cosine((p - w) / (1 - w))


def one_cycle(p, w):
    """Rise on half a cosine until w, fall on another: Smith and Topin's single cycle.

    In the form that fastai and PyTorch gave it; theirs has straight lines.
    """
    if p < w:
        return 1 - (1 - START) * cosine(p / w)
    return END + (1 - END) * cosine((p - w) / (1 - w))


def cyclical(p, n_cycles):
    """Rise and fall on straight lines, n times: Smith's triangles."""
    phase = (p * n_cycles) % 1.0
    return START + (1 - START) * (1 - abs(2 * phase - 1))


#: By name, with the settings that each reads.
SCHEDULES = {
    "constant": (constant, ()),
    "linear": (linear, ()),
    "cosine": (cosine, ()),
    "warmup_cosine": (warmup_cosine, ("w",)),
    "one_cycle": (one_cycle, ("w",)),
    "cyclical": (cyclical, ("n_cycles",)),
}


def shape_of(schedule, warmup, n_cycles):
    """Return f: the named schedule with its settings, or the user's function.

    Raises
    ------
    ValueError
        When there is no such schedule, or a setting is out of bounds.
    """
    if callable(schedule):
        return partial(_checked, schedule)
    if schedule not in SCHEDULES:
        names = ", ".join(map(repr, SCHEDULES))
        raise ValueError(
            f"schedule must be one of {names}, or a function of the share of training "
            f"done, got {schedule!r}.{did_you_mean(schedule, SCHEDULES)}"
        )
    if not (_is_number(warmup) and 0 <= warmup < 1):
        raise ValueError(
            f"warmup is a share of the training, 0 <= warmup < 1, got {warmup!r}."
        )
    if not (_is_number(n_cycles) and n_cycles > 0):
        raise ValueError(f"n_cycles must be a number above 0, got {n_cycles!r}.")
    function, reads = SCHEDULES[schedule]
    settings = {"w": warmup, "n_cycles": n_cycles}
    return partial(function, **{name: settings[name] for name in reads})


def _checked(schedule, p):
    factor = schedule(p)
    if not (_is_number(factor) and isfinite(factor) and factor > 0):
        raise ValueError(
            f"schedule={schedule!r} must return a factor of lr_max above 0, and gave "
            f"{factor!r} for {p:.4g} of the training."
        )
    return float(factor)


def _is_number(value):
    return isinstance(value, Real) and not isinstance(value, bool)
