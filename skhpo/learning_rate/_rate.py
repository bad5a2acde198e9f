"""Which parameter is the learning rate, and how an estimator is made to obey it."""

from dataclasses import dataclass, field
from typing import Any

from skhpo.evaluation import swap_params, swappable


@dataclass(frozen=True)
class Rate:
    """The parameter that holds the rate; ``fixed`` is set so that nothing else does.

    An estimator's own rule (SGD's "optimal", "invscaling") would come on top.
    """

    param: str
    fixed: dict[str, Any] = field(default_factory=dict)

    def prepare(self, estimator):
        """Switch off the rule of the estimator's own, in place; return it."""
        return estimator.set_params(**self.fixed)

    def set(self, estimator, value):
        """Give a model, trained or not, the rate of its next update."""
        swap_params(estimator, {self.param: value})


_CONSTANT = {"learning_rate": "constant"}
_SGD = Rate("eta0", _CONSTANT)
_MLP = Rate("learning_rate_init", _CONSTANT)

#: By the name of a class, read along the MRO.
RATES = {
    **dict.fromkeys(("SGDClassifier", "SGDRegressor", "SGDOneClassSVM"), _SGD),
    **dict.fromkeys(("MLPClassifier", "MLPRegressor"), _MLP),
    "ScheduledPartialFit": Rate("lr_max", {"schedule": "constant"}),
}


def rate_of(estimator, lr_param, asker):
    """Return the rate of an estimator that learns by ``partial_fit``.

    ``lr_param`` is the name of a parameter, or "auto"; ``asker`` is who needs it.

    Raises
    ------
    ValueError
        When there is none that could change between two updates.
    """
    kind = type(estimator).__name__
    if not hasattr(estimator, "partial_fit"):
        cure = f"; make {asker} its last step" if kind == "Pipeline" else ""
        raise ValueError(
            f"{asker} needs an estimator with partial_fit, and {kind} has none that "
            f"can be used{cure}. {_WHAT_HAS}"
        )
    mro = [base.__name__ for base in type(estimator).__mro__]
    known = next((RATES[name] for name in mro if name in RATES), None)
    if lr_param != "auto" and (known is None or lr_param != known.param):
        known = Rate(lr_param)
    if known is None:
        raise ValueError(
            f"{asker} does not know which parameter of {kind} is its learning rate. "
            f"{_WHAT_HAS}"
        )
    possible = swappable(estimator)
    if known.param not in possible:
        names = ", ".join(map(repr, possible)) or "none"
        raise ValueError(
            f"lr_param={known.param!r} of {kind} cannot be changed between two updates "
            f"(what can: {names}). {_WHAT_HAS}"
        )
    return known


_WHAT_HAS = (
    "SGDClassifier, SGDRegressor, MLPClassifier and MLPRegressor (solver 'sgd' or "
    "'adam') can be used as they are; for an estimator of your own with partial_fit "
    "give lr_param= the name of its rate, and let its method __skhpo_swap__() return "
    "that name."
)
