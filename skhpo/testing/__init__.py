"""Help for those who write parts of their own: contracts to inherit, toy objectives."""

from skhpo.testing._optimizer_contract import OptimizerContract
from skhpo.testing._scheduler_contract import SchedulerContract, SimulatedSearch
from skhpo.testing._toys import Toy, toys

__all__ = ["OptimizerContract", "SchedulerContract", "SimulatedSearch", "Toy", "toys"]
