"""The learning-rate range test: where the loss falls, and what to search."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from skhpo.plots._figure import BLUE, GREEN, GREY, ORANGE, figure_and_ax, legend_above

_NEEDED = ("lrs", "losses", "smoothed", "suggested", "suggested_range", "lr_min_loss")

#: The axis ends so many times the fall of the loss above its beginning: the test runs
#: on until the loss has blown up.
_ABOVE = 0.5


def rate_data(result: Any) -> dict:
    """Return the arguments of :class:`LearningRateRangeDisplay`."""
    if not isinstance(result, Mapping) or any(name not in result for name in _NEEDED):
        raise TypeError(
            "LearningRateRangeDisplay shows what "
            "skhpo.learning_rate.lr_range_test(estimator, X, y) returned, got a "
            f"{type(result).__name__}."
        )
    return {
        **{name: result[name] for name in _NEEDED},
        "lr_steepest": result["lr_steepest"],
        "loss": str(result["loss"]).replace("_", " "),
        "lr_param": result["lr_param"],
    }


class LearningRateRangeDisplay:
    """The learning-rate range test: where the loss falls, and what to search.

    Dots are the loss on held-out rows after each update, while the rate grows; the line
    is that smoothed. Left of the fall nothing is learnt, right of the minimum the
    training blows up. The shaded range is what a search should have, the line in it a
    good single rate. A curve without a clear fall says nothing, whatever is shaded.

    Use :meth:`from_result` to make one.

    Parameters
    ----------
    lrs, losses, smoothed : array-like of shape (n_updates,)
    suggested : float
    suggested_range : (float, float)
    lr_steepest, lr_min_loss : float
        Where the smoothed loss falls fastest, and where it is least.
    loss : str, default="loss"
    lr_param : str, default="learning rate"
        Name of the parameter.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    points_ : matplotlib PathCollection
    line_ : matplotlib Line2D
        The smoothed loss.
    span_ : matplotlib Patch
        The range to search.
    suggested_line_ : matplotlib Line2D
    marks_ : matplotlib Line2D
        The steepest place and the minimum.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import SGDClassifier
    >>> from skhpo.learning_rate import lr_range_test
    >>> from skhpo.plots import LearningRateRangeDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> model = SGDClassifier(loss="log_loss")
    >>> found = lr_range_test(model, X / 16, y, random_state=0)
    >>> display = LearningRateRangeDisplay.from_result(found)
    >>> display.ax_.get_xlabel()
    'eta0'
    """

    def __init__(
        self,
        lrs,
        losses,
        smoothed,
        suggested,
        suggested_range,
        lr_steepest,
        lr_min_loss,
        *,
        loss="loss",
        lr_param="learning rate",
    ):
        self.lrs = lrs
        self.losses = losses
        self.smoothed = smoothed
        self.suggested = suggested
        self.suggested_range = suggested_range
        self.lr_steepest = lr_steepest
        self.lr_min_loss = lr_min_loss
        self.loss = loss
        self.lr_param = lr_param

    @classmethod
    def from_result(cls, result, *, ax=None):
        """Draw what ``lr_range_test`` returned.

        Parameters
        ----------
        result : Bunch
            Of :func:`skhpo.learning_rate.lr_range_test`.
        ax : matplotlib Axes, default=None
            Where to draw; None = a new figure.

        Returns
        -------
        display : LearningRateRangeDisplay
        """
        return cls(**rate_data(result)).plot(ax=ax)

    def plot(self, ax=None):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None = a new figure.

        Returns
        -------
        self : LearningRateRangeDisplay
        """
        self.figure_, self.ax_ = figure_and_ax(ax)
        low, high = self.suggested_range
        self.span_ = self.ax_.axvspan(
            low, high, color=GREEN, alpha=0.15, linewidth=0, label="range to search"
        )
        self.suggested_line_ = self.ax_.axvline(
            self.suggested, color=GREEN, label=f"suggested ({self.suggested:.2g})"
        )
        self.points_ = self.ax_.scatter(
            self.lrs, self.losses, s=14, color=GREY, label="after an update", zorder=2
        )
        (self.line_,) = self.ax_.plot(
            self.lrs, self.smoothed, color=BLUE, linewidth=2, label="smoothed"
        )
        self._draw_marks()
        self.ax_.set_xscale("log")
        self.ax_.set(xlabel=self.lr_param, ylabel=f"Held-out {self.loss}")
        self._limit()
        legend_above(self.ax_)
        return self

    def _draw_marks(self):
        at = np.array([self.lr_steepest, self.lr_min_loss])
        heights = np.interp(np.log(at), np.log(self.lrs), self.smoothed)
        (self.marks_,) = self.ax_.plot(
            at,
            heights,
            "o",
            color=ORANGE,
            markeredgecolor="black",
            linestyle="none",
            label="steepest, least",
            zorder=4,
        )

    def _limit(self):
        """Show the fall; the loss that has blown up would press it into a line."""
        losses, smoothed = np.asarray(self.losses), np.asarray(self.smoothed)
        first, least = losses[0], min(losses.min(), smoothed.min())
        fall = max(first - least, 0.1 * abs(first), 1e-12)
        top = max(first, smoothed[: np.argmin(smoothed) + 1].max()) + _ABOVE * fall
        if losses.max() > top:
            self.ax_.set_ylim(least - 0.1 * fall, top)
