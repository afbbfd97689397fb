"""Drift: see it, say which networks to trust. NumPy, SciPy and OpenCV only, so that it runs beside the engine in a process of its own."""

from elitscope_models.drift.look import Look, look
from elitscope_models.drift.recommend import Recommendation, recommend
from elitscope_models.drift.signals import SIGNAL, SIGNALS, Signal
from elitscope_models.drift.watch import Alarm, Judgement, Watch

__all__ = [
    "SIGNAL",
    "SIGNALS",
    "Alarm",
    "Judgement",
    "Look",
    "Recommendation",
    "Signal",
    "Watch",
    "look",
    "recommend",
]
