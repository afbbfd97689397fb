"""The drift monitor, a process of its own: it looks at what the engine publishes, and can be missing without anybody's frame noticing.

listener.py (SUB thread) ──▶ inbox.py, latest wins ──▶ watching.py: look, judge ──▶ reporter.py ──▶ store: documents, events, watches
                                                                                  │  advice.py
                                                                                  └▶ autopilot.py decides ──▶ acting.py ──▶ changes.py
"""
