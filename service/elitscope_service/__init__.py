"""The real-time inference service: engine, API and the process that keeps both running."""
