"""Executes a plan: processes, working folders, logs, cancel."""
