"""What the tests of `penstock provision` share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from local_azure import LocalAzure

REPOSITORY = Path(__file__).parents[2]
VARIABLES = {
    "AZURE_RESOURCE_GROUP": "rg-new",
    "AZURE_ML_WORKSPACE": "mlw-new",
    "AZURE_LOCATION": "westeurope",
    "AZURE_CONTAINER_REGISTRY": "crnew",
}
PROD = [
    "resource group rg-new",
    "container registry crnew",
    "workspace mlw-new",
    "compute cpu-cluster",
    "online endpoint diabetes-prod",
    "batch endpoint diabetes-batch",
]
DEPLOYMENT = "batch deployment batch-score of diabetes-batch"


class Done(dict[str, str]):
    """Resource -> what was done with it; `why`: resource -> why."""

    def __init__(self, rows: list[dict[str, str]]) -> None:
        super().__init__({row["resource"]: row["action"] for row in rows})
        self.why = {row["resource"]: row["why"] for row in rows}


Provision = Callable[..., Done]


class Changed:
    """A copy of this repository's files of Azure, where the test changes them, and the workspace that is there."""

    variables: ClassVar = {"AZURE_RESOURCE_GROUP": "rg-penstock", "AZURE_ML_WORKSPACE": "mlw-penstock"}

    def __init__(self, folder: Path, azure: LocalAzure) -> None:
        self.folder, self.azure = folder, azure

    def file(self, name: str, old: str, new: str) -> None:
        """Replace a text of a file of .azure/, or of penstock.toml."""
        file = self.folder / (name if name.endswith(".toml") else f".azure/{name}")
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")

    def document(self, path: str) -> dict[str, Any]:
        """What Azure has at a path."""
        found = self.azure.documents.get(path)
        assert found is not None, path
        return found

    def only_prod(self) -> None:
        """From now on penstock.toml has no other stage."""
        file = self.folder / "penstock.toml"
        file.write_text(file.read_text(encoding="utf-8").partition("[stages.dev]")[0], encoding="utf-8")
        with file.open("a", encoding="utf-8") as prod:
            prod.write(
                f"[stages.prod]{(REPOSITORY / file.name).read_text(encoding='utf-8').partition('[stages.prod]')[2]}"
            )

    def publish(self) -> None:
        """The pipeline that the batch endpoint runs."""
        component = f"{self.azure.workspace}/components/batch_score_diabetes"
        self.azure.documents.put(component, {"properties": {}})
        spec = {"type": "pipeline", "name": "batch_score_diabetes"}
        self.azure.documents.put(f"{component}/versions/1.0.0", {"properties": {"componentSpec": spec}})
