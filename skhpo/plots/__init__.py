"""Pictures of searches: displays in scikit-learn's manner, drawn with matplotlib."""

from skhpo.plots._comparison import SearchComparisonDisplay
from skhpo.plots._contour import ContourDisplay
from skhpo.plots._folds import FoldScoresDisplay
from skhpo.plots._history import SearchHistoryDisplay
from skhpo.plots._importance import ParamImportanceDisplay
from skhpo.plots._nested import NestedCVDisplay
from skhpo.plots._parallel import ParallelCoordinatesDisplay
from skhpo.plots._population import LineageDisplay, ScheduleDisplay
from skhpo.plots._rate import LearningRateRangeDisplay
from skhpo.plots._rungs import RungDisplay
from skhpo.plots._slices import ParamSliceDisplay
from skhpo.plots._timeline import TimelineDisplay

__all__ = [
    "ContourDisplay",
    "FoldScoresDisplay",
    "LearningRateRangeDisplay",
    "LineageDisplay",
    "NestedCVDisplay",
    "ParallelCoordinatesDisplay",
    "ParamImportanceDisplay",
    "ParamSliceDisplay",
    "RungDisplay",
    "ScheduleDisplay",
    "SearchComparisonDisplay",
    "SearchHistoryDisplay",
    "TimelineDisplay",
]
