"""`python -m benchmarks.iterate [STUDY ...]`: the ELIT loop on frames that nobody trained on, for the documentation.

Each study runs the commands that a user would, scores what comes of them against known atoms where there are any, and writes one section of
`docs/iteration-figures.md` and its pictures. The loops are kept in a folder, so that the same study goes on where it was stopped.
"""
