"""The engine process: frames in, replies and publications out.

    io thread (router.py)                       worker thread (worker.py)
      ROUTER ──▶ reception ──▶ work queue ──────▶ scheduler's choice, step by step
      ROUTER ◀── reception ◀── answers ◀──────────── pipeline ──▶ mailbox ──▶ publisher thread (publisher.py) ──▶ XPUB

`reception`, `sessions`, `replies`, `streams` and `mailbox` do no I/O: what a message leads to can be read and tested there.
"""
