"""The commands of `elitscope-models`, one module each, with `add_parser(subparsers)` and `run(args) -> int`.

Heavy imports stay inside `run`: `--help` answers at once, and only the commands that train need torch.
"""
