"""`sbom.json`: what a package consists of, as a CycloneDX bill of materials (https://cyclonedx.org, ECMA-424).

The package is the subject, the model and each distribution that serves it are its components. A distribution is told by
its package URL and the SHA-256 of its files on the index, of which an installation takes one. The serial number is made
from the rest and there is no time in it, so that the same package has the same bill.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component as Part
from cyclonedx.model.component import ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

from lock import SERVER, Locked
from penstock_steps.lineage import Component
from penstock_steps.registration import Registration

_SCHEMA = SchemaVersion.V1_6


def bill_of_materials(
    registration: Registration,
    model_file: Mapping[str, str],
    roots: Sequence[str],
    parts: Sequence[Locked],
    by: Component,
) -> str:
    """The bill as JSON text.

    Args:
        registration: the model version that the package serves.
        model_file: `{name, digest}` of the file that holds the estimator, `digest` as `sha256:...`.
        roots: the distributions that the model itself is loaded with.
        parts: all distributions of the package.
        by: the component that makes the package.
    """
    bom = Bom()
    libraries = {part.name: _library(part) for part in parts}
    model = _model(registration, model_file)
    package = Part(
        type=ComponentType.APPLICATION,
        name=f"{registration.model_name}-package",
        version=registration.version,
        bom_ref=f"package/{registration.model_name}@{registration.version}",
    )
    bom.metadata.component = package
    bom.metadata.tools.components.add(
        Part(type=ComponentType.APPLICATION, name=by.name, version=by.version, bom_ref=f"tool/{by.name}@{by.version}")
    )
    bom.components.update([model, *libraries.values()])
    bom.register_dependency(package, [model, libraries[SERVER]])
    bom.register_dependency(model, [libraries[name] for name in roots])
    for part in parts:
        bom.register_dependency(libraries[part.name], [libraries[name] for name in part.needs])
    return _settled(bom)


def _library(part: Locked) -> Part:
    url = PackageURL(type="pypi", name=part.name, version=part.version)
    return Part(
        type=ComponentType.LIBRARY,
        name=part.name,
        version=part.version,
        purl=url,
        bom_ref=url.to_string(),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in part.hashes],
        licenses=[LicenseFactory().make_from_string(part.license)] if part.license else [],
    )


def _model(registration: Registration, file: Mapping[str, str]) -> Part:
    return Part(
        type=ComponentType.MACHINE_LEARNING_MODEL,
        name=registration.model_name,
        version=registration.version,
        bom_ref=f"model/{registration.model_name}@{registration.version}",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=file["digest"].removeprefix("sha256:"))],
        properties=[
            Property(name="penstock:model_digest", value=registration.model_digest),
            Property(name="penstock:model_file", value=file["name"]),
        ],
    )


def _settled(bom: Bom) -> str:
    """The library dates a bill and numbers it by chance; its own output without these is what the number is made of."""
    document: dict[str, Any] = json.loads(make_outputter(bom, OutputFormat.JSON, _SCHEMA).output_as_string())
    document["metadata"].pop("timestamp", None)
    document.pop("serialNumber", None)
    content = json.dumps(document, sort_keys=True, ensure_ascii=False)
    document["serialNumber"] = uuid5(NAMESPACE_OID, content).urn
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False)
