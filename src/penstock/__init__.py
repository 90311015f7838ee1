"""Check and run Azure Machine Learning v2 YAML on this machine."""
