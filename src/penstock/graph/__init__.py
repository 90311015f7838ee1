"""From specs to a resolved graph: components looked up, pipelines flattened, bindings and values resolved. Pure."""
