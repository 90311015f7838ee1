"""From a pipeline in Python (the azure.ai.ml DSL) to the job YAML that `az ml job create` and `penstock run` take.

    source      imports X.py and finds its one PipelineJob
    document    the job as a mapping; nodes and ports do their parts, place names other files
    text        the mapping as YAML, byte for byte the same everywhere
    rest        the body that Azure's client sends: equal for Python and YAML, or the compiler refuses
    client      asking azure-ai-ml, its chatter and its many exceptions
    files       all of that for one pipeline, and the files on disk

azure-ai-ml is imported inside functions only: it takes seconds.
"""
