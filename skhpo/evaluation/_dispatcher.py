"""What all ways to send calls to workers have in common."""

import warnings


class Dispatcher:
    """What all ways have in common: life cycle and capabilities."""

    can_kill = False
    is_asynchronous = True
    shares_memory = True
    shares_disk = True

    #: A task shorter than this (s) is not worth its dispatch: cheap folds of a trial
    #: are sent together until it is reached.
    task_seconds = 0.02

    def __init__(self, parallel, payload, n_jobs):
        self._parallel = parallel
        self._payload = payload
        self.n_jobs = n_jobs

    def close(self, kill):
        """Release the workers. What waits is dropped; what runs is killed, or left.

        Left to itself it ends with its fit, and the workers stay for the next search;
        killed workers have to be started anew.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # joblib's on an early end
            if kill:  # not both: loky's manager thread would trip over a cancelled call
                self._kill()
            else:
                self._drop_waiting()
            self._parallel.__exit__(None, None, None)

    def _drop_waiting(self):
        pass

    def _kill(self):
        pass
