"""What ``optimizer=`` means at each door that has it."""

from skhpo._errors import did_you_mean
from skhpo.optimizers import (
    Chain,
    CovarianceMatrixAdaptation,
    DifferentialEvolution,
    FixedPoints,
    ForestOptimizer,
    GaussianProcessOptimizer,
    GeneticAlgorithm,
    RandomDesign,
    RegularizedEvolution,
    SobolDesign,
    TPEOptimizer,
    check_own_optimizer,
    make_own_optimizer,
)
from skhpo.space import starting_points

#: Optimizers that do not learn.
DESIGNS = {"random": RandomDesign, "sobol": SobolDesign}

#: Optimizers that learn, also from the estimates of candidates that were raced out.
LEARNING = (
    *(GaussianProcessOptimizer, ForestOptimizer, TPEOptimizer),
    *(CovarianceMatrixAdaptation, DifferentialEvolution),
    *(GeneticAlgorithm, RegularizedEvolution),
)


def is_learning(optimizer):
    """Return whether an optimizer, or its class, is one of ours that learns."""
    cls = optimizer if isinstance(optimizer, type) else type(optimizer)
    return issubclass(cls, LEARNING)


def check_optimizer(optimizer, possible):
    """Refuse unknown names, and what is no optimizer."""
    if not isinstance(optimizer, str):
        check_own_optimizer(optimizer)
    elif optimizer not in possible:
        raise ValueError(
            f"optimizer={optimizer!r} is not known."
            f"{did_you_mean(optimizer, possible)} Choose one of "
            f"{', '.join(map(repr, possible))}, or pass an object with ask and tell "
            "(doc/own_optimizer.rst)."
        )


def make_chain(optimizer, space, given, *, estimator, n_starts, make_model, rng):
    """Return the settings given by the user, then what ``optimizer`` proposes.

    A name of :data:`DESIGNS`, or a user's own, comes right after them. For any other
    name, ``make_model()`` makes what learns. It starts from the estimator's own values:
    one setting per alternative of the space, ``n_starts`` at most.
    """
    given = FixedPoints(space, given, origin="initial_params", rng=rng)
    if not isinstance(optimizer, str):
        return Chain([given], then=make_own_optimizer(optimizer, space, rng=rng))
    if optimizer in DESIGNS:
        return Chain([given], then=DESIGNS[optimizer](space, rng=rng))
    starts = starting_points(space, estimator)[:n_starts]
    default = FixedPoints(space, starts, origin="default", rng=rng)
    return Chain([given, default], then=make_model())
