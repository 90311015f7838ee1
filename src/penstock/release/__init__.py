"""From a package to what serves: packages, endpoints, staged rollout."""
