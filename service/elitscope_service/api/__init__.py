"""The API process: HTTP for people and programs. It knows the engine only by what that publishes.

watcher.py (SUB thread) ──▶ engine_view.py ──▶ health · ensembles · streams · metrics ─┐
                       └──▶ event_log.py ────▶ events ─────────────────────────────────┼▶ application.py ──▶ uvicorn
listener.py (SUB thread) ─▶ feed.py ─────────▶ frames · members · live ────────────────┘
"""
