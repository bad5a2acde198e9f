"""What to search: parameters, their ranges, and the conditions between them."""

from skhpo.space._defaults import default_params, own_setting, starting_points
from skhpo.space._dimensions import Categorical, Integer, Ordinal, Real
from skhpo.space._distance import mean_distances, mean_pairwise_distance
from skhpo.space._names import check_names
from skhpo.space._of_search import space_of
from skhpo.space._space import Space

__all__ = [
    "Categorical",
    "Integer",
    "Ordinal",
    "Real",
    "Space",
    "check_names",
    "default_params",
    "mean_distances",
    "mean_pairwise_distance",
    "own_setting",
    "space_of",
    "starting_points",
]
