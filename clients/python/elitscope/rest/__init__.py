"""The REST API without I/O: what to ask for, how often, and what answers mean. `elitscope.control` has the two clients that wait.

calls ──▶ requests ──▶ (sent by `control`, as often as `asking` says) ──▶ answers ──▶ records
"""
