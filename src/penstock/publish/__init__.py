"""What a project publishes, and which version each part of it needs. Pure: no disk but what is handed in, no Azure.

version     MAJOR.MINOR.PATCH and whole numbers: what follows, what is enough
interface   the ports of a component, and what a difference between two interfaces asks for
content     digests of what a version stands for
project     the environments, components and pipelines of a repository, in the order of publishing
block       a pipeline job as one pipeline component
lock        components/components.lock.json
verdict     the project against its lock: which version is needed, why, and which pipelines break
edit        the texts that a new version changes
"""
