"""Learning rates that change during training, and where to look for a good one."""

from skhpo.learning_rate._range_test import lr_range_test
from skhpo.learning_rate._scheduled import ScheduledPartialFit

__all__ = ["ScheduledPartialFit", "lr_range_test"]
