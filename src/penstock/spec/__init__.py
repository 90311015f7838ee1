"""YAML files as frozen dataclasses that remember where every word stands. Knows no disk and no Azure."""
