"""The Dockerfile of a package: an image without root, with nothing but the package and what serves it.

Everything is installed and laid out in a first stage, so that neither pip nor what pip needs is added to the base, and
its files belong to root and can be read by all, whatever the modes of the package's files are. No user is added: a
number does, and /etc/shadow would have the day in it. Nor have the compiled modules: with SOURCE_DATE_EPOCH they hold
their source's hash in place of its time (https://docs.python.org/3/library/py_compile.html). So the same package on the
same base makes the same files, and with `buildah build --timestamp 0` the same image.
"""

from __future__ import annotations

from collections.abc import Sequence

PORT = 5001
_DOCKERFILE = """\
# `docker build .` or `buildah build .`; --build-arg BASE=... takes another image with Python {minor} as python3, or the
# same one by its digest.
ARG BASE=docker.io/library/python:{python}-slim-bookworm
FROM ${{BASE}} AS build
COPY requirements.txt /tmp/
RUN python3 -m venv /opt/scoring \\
 && SOURCE_DATE_EPOCH=0 /opt/scoring/bin/python -m pip install --no-cache-dir --disable-pip-version-check \\
    --only-binary :all: --require-hashes --requirement /tmp/requirements.txt \\
 && /opt/scoring/bin/python -m pip uninstall --yes --quiet setuptools pip
COPY {files} /srv/package/
COPY model /srv/package/model/
RUN chmod -R a+rX,go-w /srv/package

FROM ${{BASE}}
COPY --from=build /opt/scoring /opt/scoring
COPY --from=build /srv/package /srv/package
WORKDIR /srv/package
ENV PATH=/opt/scoring/bin:/usr/local/bin:/usr/bin:/bin PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 1000:1000
EXPOSE {port}
HEALTHCHECK --start-period=30s CMD \\
 ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:{port}/', timeout=5)"]
CMD ["azmlinfsrv", "--entry_script", "score.py", "--port", "{port}"]
"""


def dockerfile(python: str, files: Sequence[str]) -> str:
    """The Dockerfile's text.

    Args:
        python: the version that the model was trained with, `3.11.7`.
        files: what lies beside the folder `model` and is needed for scoring.
    """
    minor = ".".join(python.split(".")[:2])
    return _DOCKERFILE.format(python=python, minor=minor, port=PORT, files=" ".join(files))
