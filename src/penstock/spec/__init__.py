"""YAML files as frozen structs that remember where every word stands. Knows no disk and no Azure."""
