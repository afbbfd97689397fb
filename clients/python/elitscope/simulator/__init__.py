"""Synthetic STEM frames whose every atom is known: one renderer for the simulated instrument, the demo, training and tests.

A `Specimen` holds atoms, `Conditions` how they are imaged; `render` turns both into detector counts, `expose` into a
`SimulatedFrame` that also knows where its atoms are, and `movie` into frames whose conditions drift. NumPy only.
"""

from elitscope.simulator.conditions import Conditions
from elitscope.simulator.graphene import graphene
from elitscope.simulator.hexagonal import hexagonal
from elitscope.simulator.hops import Hop, random_hops
from elitscope.simulator.movie import DRIFTS, LATTICES, movie
from elitscope.simulator.probe import Probe
from elitscope.simulator.render import Imager, SimulatedFrame, expose, render
from elitscope.simulator.specimen import Specimen
from elitscope.simulator.square import square

__all__ = [
    "DRIFTS",
    "LATTICES",
    "Conditions",
    "Hop",
    "Imager",
    "Probe",
    "SimulatedFrame",
    "Specimen",
    "expose",
    "graphene",
    "hexagonal",
    "movie",
    "random_hops",
    "render",
    "square",
]
