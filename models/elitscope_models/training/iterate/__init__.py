"""The ELIT loop (ELIT paper, Algorithm 1, lines 2–10): from an ensemble and unlabelled frames to an ensemble for what is in them.

`choice` picks members, `lattice` tells lattice from dirt, `harvest` makes labelled frames of what is left, `rounds` drives it all.
"""
