"""What a fitted search shows in a notebook, above scikit-learn's diagram of it.

Plain HTML: no script, nothing from elsewhere, and no colours but for one line, so that
it is legible in light and dark notebooks. All styles are inline: notebooks have their
own ideas about tables and may drop style sheets.
"""

from html import escape

from skhpo._words import count
from skhpo.model_selection._account import (
    Account,
    what_failed,
    what_it_took,
    what_was_raced_out,
    what_was_tried,
)
from skhpo.model_selection._estimate import (
    estimate_of,
    interval_of,
    metric_or_none,
    short,
    why_no_best,
)

_LONGEST_VALUE = 200

_BOX = (
    "display:inline-block;max-width:60em;margin:0 0 .7em 0;padding:.5em 1em;"
    "border:1px solid rgba(128,128,128,.4);border-left:4px solid #0072B2;"
    "border-radius:4px;color:inherit;background:transparent;line-height:1.5"
)
_LIST = (
    "display:grid;grid-template-columns:max-content 1fr;gap:.1em 1em;margin:.3em 0 0"
)
_TERM = "margin:0;font-weight:normal;opacity:.75"
_TEXT = "margin:0;overflow-wrap:anywhere"
_CODE = "color:inherit;background:transparent;font-family:monospace"


def panel(search):
    """Return what a search found and spent as HTML; "" before it has a table."""
    if "cv_results_" not in vars(search):
        return ""
    account = Account(search)
    rows = "".join(
        f'<dt style="{_TERM}">{escape(term)}</dt><dd style="{_TEXT}">{html}</dd>'
        for term, html in _rows(search, account)
        if html
    )
    return (
        f'<div class="skhpo-panel" style="{_BOX}">{_headline(search, account)}'
        f'<dl style="{_LIST}">{rows}</dl></div>'
    )


def _headline(search, account):
    best = account.best(metric_or_none(search))
    if best is None or best.score != best.score:  # nan: a refit function chose
        return f"<strong>{escape(account.name)}</strong>"
    spread = "" if best.std is None else f"&plusmn; {short(best.std)} "
    spread += f"over {count(account.n_splits, 'fold')}"
    return (
        f"<strong>Best mean {escape(best.metric)}: {short(best.score)}</strong> "
        f'<span style="opacity:.75">{spread}</span>'
    )


def _rows(search, account):
    """Yield a term and its HTML each; "" or None = there is nothing to say."""
    best = account.best(metric_or_none(search))
    if best is None:
        yield "Best", escape(why_no_best(account))
    yield "Without optimism", _estimate(search) if best else None
    yield "Best setting", best and _setting(best.params)
    yield "Trained for", best and best.n_resources and escape(best.n_resources)
    yield "Tried", escape(what_was_tried(account))
    why = "" if account.reason is None else f": {account.reason}"
    yield "Ended", escape(f"after {what_it_took(account)}{why}")
    yield "Failed", escape(what_failed(account) or "")
    term, _, raced = (what_was_raced_out(account) or "Raced out: ").partition(": ")
    yield term, escape(raced)
    if account.lacks_model:
        yield "Model", "none: the refit failed or was not reached"


def _estimate(search):
    """Return what the score is worth, unless to find out takes long."""
    if "predictions_" in vars(search) and "score_estimate_" not in vars(search):
        return f'ask <code style="{_CODE}">score_estimate_</code> (may take a minute)'
    try:
        estimate = estimate_of(search)
    except AttributeError:
        return None
    expected = f"{short(estimate.score)} expected, {interval_of(estimate)}"
    if not estimate.is_measured:
        return f"not enough evidence; with it {expected}"
    return expected


def _setting(params):
    lines = (
        f'<code style="{_CODE}">{escape(name)} = {escape(_cut(repr(value)))}</code>'
        for name, value in params.items()
    )
    return "<br>".join(lines)


def _cut(text):
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 4] + " ..."
