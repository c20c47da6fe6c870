"""Advice: how much of a graph may go, by which method, and what that saves.

    advice = wis.advise(data, max_loss="1%", budget="5min")
    advice.method, advice.remove            # such as ("wis", "40%")
    advice.loss                             # of the test score, with its 95 % interval
    sparse = advice.apply(data)

- `advise`: the search; `Advice`: its result; `Adviser`: a search that can be interrupted;
- `wis.advice.goals`: what may be cheap; `wis.advice.tasks`: what must stay good;
- `wis.advice.search`: bisection, successive halving, seeds only where they decide.

The search chooses by validation scores. Test scores are reported for what was chosen, and decide
nothing.
"""

from __future__ import annotations

from wis.advice.advising import Adviser, advise
from wis.advice.goals import GOALS, Goal
from wis.advice.result import Advice, Loss
from wis.advice.savings import Saving
from wis.advice.search import Trial
from wis.advice.tasks import TASKS

__all__ = ["GOALS", "TASKS", "Advice", "Adviser", "Goal", "Loss", "Saving", "Trial", "advise"]
