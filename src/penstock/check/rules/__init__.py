"""The rules, a module for each group: PS1xx graph, PS2xx values, PS3xx component, PS4xx files, PS5xx environment."""
