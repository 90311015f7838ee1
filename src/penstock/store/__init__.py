"""The disk: the workspace folder and everything in it. The only place that knows its paths."""
