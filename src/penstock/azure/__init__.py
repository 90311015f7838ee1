"""What talks to a workspace at Azure, by Azure's own client.

    client      the client of a stage; what it raises, in one message

azure-ai-ml is imported inside functions only: it takes seconds.
"""
