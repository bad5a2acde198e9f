"""Work: the only room that fits models."""

from skhpo.evaluation._baseline import baseline_errors, baseline_of
from skhpo.evaluation._best_scores import best_possible_score, score_range
from skhpo.evaluation._bins import shared_bins
from skhpo.evaluation._dispatch import check_values, open_dispatcher
from skhpo.evaluation._evaluator import FoldEvaluator, RacingEvaluator
from skhpo.evaluation._picklable import copied
from skhpo.evaluation._predictions import PredictionPlan, PredictionStore
from skhpo.evaluation._prior_work import prior_work
from skhpo.evaluation._racing import (
    AUTO,
    LEAST_FOLDS,
    Race,
    check_racing,
    make_race,
    may_skip_folds,
    name_of_rule,
)
from skhpo.evaluation._recorded import NoWorkers, Recorded
from skhpo.evaluation._resources import (
    Resource,
    choose_resource,
    own_units,
    registered_family,
    resource_bounds,
    resource_info,
)
from skhpo.evaluation._rows import keeps_groups, nest_rows, trains_on_the_past
from skhpo.evaluation._states import KeptStates, kept_files, open_store
from skhpo.evaluation._stepper import (
    Model,
    Seeds,
    balanced_weights,
    classes_of,
    head_of,
    share_out,
    takes,
)
from skhpo.evaluation._swap import check_swappable, swap_params, swappable
from skhpo.evaluation._task import Payload, fit_metadata
from skhpo.evaluation._training import (
    ReplaySeeds,
    Segment,
    Stage,
    Training,
    same_value,
    schedule_of,
    seed_of_replay,
)
from skhpo.evaluation._work import tells_work

__all__ = [
    "AUTO",
    "LEAST_FOLDS",
    "FoldEvaluator",
    "KeptStates",
    "Model",
    "NoWorkers",
    "Payload",
    "PredictionPlan",
    "PredictionStore",
    "Race",
    "RacingEvaluator",
    "Recorded",
    "ReplaySeeds",
    "Resource",
    "Seeds",
    "Segment",
    "Stage",
    "Training",
    "balanced_weights",
    "baseline_errors",
    "baseline_of",
    "best_possible_score",
    "check_racing",
    "check_swappable",
    "check_values",
    "choose_resource",
    "classes_of",
    "copied",
    "fit_metadata",
    "head_of",
    "keeps_groups",
    "kept_files",
    "make_race",
    "may_skip_folds",
    "name_of_rule",
    "nest_rows",
    "open_dispatcher",
    "open_store",
    "prior_work",
    "registered_family",
    "own_units",
    "resource_bounds",
    "resource_info",
    "share_out",
    "shared_bins",
    "trains_on_the_past",
    "same_value",
    "schedule_of",
    "score_range",
    "seed_of_replay",
    "swap_params",
    "swappable",
    "takes",
    "tells_work",
]
