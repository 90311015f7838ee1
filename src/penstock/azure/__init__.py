"""What talks to a workspace at Azure, by Azure's own client.

    identity    who asks
    client      the client of a stage; what it raises, in one message
    publish     a project's environments, components and pipelines, what is not there yet
    entities    those as the client's objects; assets, what is there

azure-ai-ml is imported inside functions only: it takes seconds.
"""
