"""The subcommands of `elitscope`, one file each (`add_parser`, `run`).

What `stream`, `simulate` and the demo share: `launch` (options to run), `frames` (the run itself), `summary`, `display`, `agreement`.
"""
