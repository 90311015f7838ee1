"""Which packages bring which modules: the table behind "the script imports what its environment does not bring".

The tables are generous: a package that brings something in any of its versions is taken to bring it. What stands in
neither table is not known, and then nothing is certain.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import cache

# module (the longest name that decides) -> the packages that hold it, the usual one first
_MODULES = """
PIL: pillow pillow-simd
sklearn: scikit-learn scikit-learn-intelex
skimage: scikit-image
yaml: pyyaml
cv2: opencv-python opencv-python-headless opencv-contrib-python opencv-contrib-python-headless opencv py-opencv
cv2: libopencv
bs4: beautifulsoup4
dateutil: python-dateutil
dotenv: python-dotenv
attr: attrs
attrs: attrs
jwt: pyjwt
git: gitpython
docx: python-docx
pptx: python-pptx
fitz: pymupdf
magic: python-magic
serial: pyserial
usb: pyusb
OpenSSL: pyopenssl
Crypto: pycryptodome pycrypto
nacl: pynacl
psycopg2: psycopg2 psycopg2-binary
MySQLdb: mysqlclient
pymysql: pymysql
pyodbc: pyodbc
sqlalchemy: sqlalchemy
google.protobuf: protobuf
google.cloud.storage: google-cloud-storage
google.cloud.bigquery: google-cloud-bigquery
google.auth: google-auth
googleapiclient: google-api-python-client
azure.ai.ml: azure-ai-ml
azure.identity: azure-identity
azure.core: azure-core
azure.storage.blob: azure-storage-blob
azure.storage.filedatalake: azure-storage-file-datalake
azure.storage.queue: azure-storage-queue
azure.storage.fileshare: azure-storage-file-share
azure.keyvault.secrets: azure-keyvault-secrets
azure.data.tables: azure-data-tables
azure.cosmos: azure-cosmos
azure.eventhub: azure-eventhub
azure.servicebus: azure-servicebus
azure.monitor.opentelemetry: azure-monitor-opentelemetry
azureml.core: azureml-core azureml-sdk
azureml.fsspec: azureml-fsspec
azureml.mlflow: azureml-mlflow
azureml.train: azureml-train-core azureml-sdk azureml-train
azureml.interpret: azureml-interpret
azureml.metrics: azureml-metrics
mltable: mltable azureml-dataprep-rslex
mldesigner: mldesigner
mlflow: mlflow mlflow-skinny
numpy: numpy
pandas: pandas
scipy: scipy
matplotlib: matplotlib matplotlib-base
mpl_toolkits: matplotlib matplotlib-base
pylab: matplotlib matplotlib-base
seaborn: seaborn seaborn-base
plotly: plotly
joblib: joblib
pyarrow: pyarrow pyarrow-core
polars: polars polars-lts-cpu
dask: dask dask-core
requests: requests
tqdm: tqdm
jinja2: jinja2
click: click
typer: typer typer-slim
rich: rich
pydantic: pydantic
fastapi: fastapi
flask: flask
lightgbm: lightgbm
xgboost: xgboost xgboost-cpu py-xgboost py-xgboost-cpu py-xgboost-gpu
catboost: catboost
shap: shap
optuna: optuna
hyperopt: hyperopt
imblearn: imbalanced-learn
statsmodels: statsmodels
prophet: prophet
nltk: nltk
spacy: spacy
gensim: gensim
torch: torch pytorch pytorch-cpu pytorch-gpu
torchvision: torchvision torchvision-cpu
torchaudio: torchaudio
pytorch_lightning: pytorch-lightning
lightning: lightning pytorch-lightning
tensorflow: tensorflow tensorflow-cpu tensorflow-gpu tensorflow-intel intel-tensorflow tensorflow-base
keras: keras tensorflow
transformers: transformers
datasets: datasets
accelerate: accelerate
evaluate: evaluate
tokenizers: tokenizers
huggingface_hub: huggingface-hub
sentence_transformers: sentence-transformers
onnx: onnx
onnxruntime: onnxruntime onnxruntime-gpu onnxruntime-directml
skl2onnx: skl2onnx
skops: skops
great_expectations: great-expectations
evidently: evidently
pandera: pandera pandera-core
pyspark: pyspark
openai: openai
tiktoken: tiktoken
langchain: langchain
wandb: wandb
tensorboard: tensorboard
openpyxl: openpyxl
xlrd: xlrd
h5py: h5py
networkx: networkx networkx-base
psutil: psutil
fsspec: fsspec
adlfs: adlfs
inference_schema: inference-schema
deltalake: deltalake
azureml_inference_server_http: azureml-inference-server-http
"""

# package -> what it brings directly
_BRINGS = """
pandas: numpy python-dateutil pytz tzdata
numpy:
scipy: numpy
scikit-learn: numpy scipy joblib threadpoolctl narwhals
scikit-image: numpy scipy pillow networkx imageio tifffile packaging lazy-loader
joblib:
threadpoolctl:
narwhals:
pytz:
tzdata:
six:
python-dateutil: six
matplotlib: numpy pillow contourpy cycler fonttools kiwisolver packaging pyparsing python-dateutil
matplotlib-base: matplotlib
seaborn: numpy pandas matplotlib scipy
plotly: narwhals packaging tenacity
pillow:
pyarrow: numpy
pyarrow-core: pyarrow
polars:
pyyaml:
requests: certifi charset-normalizer chardet idna urllib3
urllib3:
certifi:
idna:
tqdm:
click:
rich: markdown-it-py pygments
typer: click rich shellingham typing-extensions
jinja2: markupsafe
markupsafe:
packaging:
filelock:
psutil:
cloudpickle:
python-dotenv:
protobuf:
attrs:
typing-extensions:
pydantic: typing-extensions annotated-types pydantic-core
fastapi: pydantic starlette typing-extensions
flask: click jinja2 itsdangerous werkzeug markupsafe blinker
openpyxl: et-xmlfile
xlrd:
h5py: numpy
networkx: numpy scipy matplotlib pandas
sqlalchemy: greenlet typing-extensions
pyodbc:
beautifulsoup4: soupsieve
lxml:
lightgbm: numpy scipy scikit-learn
xgboost: numpy scipy
catboost: numpy pandas scipy matplotlib plotly six graphviz
shap: numpy scipy scikit-learn pandas tqdm packaging numba cloudpickle slicer
statsmodels: numpy scipy pandas patsy packaging
imbalanced-learn: numpy scipy scikit-learn joblib threadpoolctl
optuna: alembic colorlog numpy packaging sqlalchemy tqdm pyyaml cmaes
hyperopt: numpy scipy networkx tqdm cloudpickle future six
skops: numpy scipy scikit-learn packaging prettytable huggingface-hub tabulate
skl2onnx: onnx onnxruntime numpy scikit-learn protobuf
onnx: numpy protobuf typing-extensions
onnxruntime: numpy protobuf packaging coloredlogs sympy flatbuffers
mlflow-skinny: click cloudpickle gitpython pyyaml protobuf pytz requests packaging sqlparse pydantic databricks-sdk
mlflow-skinny: cachetools
mlflow-skinny: fastapi uvicorn typing-extensions entrypoints databricks-cli importlib-metadata python-dotenv
mlflow-skinny: opentelemetry-api
mlflow: mlflow-skinny mlflow-tracing alembic sqlalchemy flask docker jinja2 markdown matplotlib numpy pandas pyarrow
mlflow: scikit-learn
mlflow: scipy graphene gunicorn waitress prometheus-flask-exporter querystring-parser cryptography skops huey
azureml-mlflow: mlflow-skinny mlflow azure-identity azure-common azure-core azure-mgmt-core azure-storage-blob
azureml-mlflow: cryptography
azureml-mlflow: jsonpickle msrest python-dateutil pytz azureml-core
azure-core: requests six typing-extensions
azure-common:
azure-identity: azure-core msal msal-extensions cryptography six
azure-storage-blob: azure-core cryptography isodate msrest
azure-storage-file-datalake: azure-core azure-storage-blob isodate
azure-storage-file-share: azure-core cryptography isodate
azure-keyvault-secrets: azure-core isodate msrest azure-common
azure-ai-ml: pyyaml msrest azure-core azure-mgmt-core marshmallow jsonschema tqdm strictyaml colorama pyjwt pydash
azure-ai-ml: azure-identity
azure-ai-ml: azure-storage-blob azure-storage-file-share azure-storage-file-datalake isodate azure-common
azure-ai-ml: opencensus-ext-azure
azure-ai-ml: opencensus-ext-logging typing-extensions azure-monitor-opentelemetry applicationinsights
azureml-core: azure-common azure-core azure-identity azure-mgmt-core azure-storage-blob requests pytz python-dateutil
azureml-core: msal msrest
azureml-core: pyopenssl docker packaging paramiko pathspec pyjwt jsonpickle cryptography jmespath contextlib2
azureml-core: ndg-httpsclient
azureml-core: backports-tempfile azure-graphrbac knack argcomplete msal-extensions sshpubkeys adal urllib3 pkginfo
azureml-core: humanfriendly
azureml-defaults: azureml-core azureml-dataset-runtime azureml-inference-server-http configparser json-logging-py
azureml-dataset-runtime: azureml-dataprep pyarrow numpy
azureml-dataprep: azureml-dataprep-native azureml-dataprep-rslex cloudpickle jsonschema pyyaml azure-identity requests
azureml-dataprep: numpy pandas
azureml-dataprep: pyarrow fusepy
azureml-fsspec: azureml-dataprep fsspec pytz
mltable: azureml-dataprep azureml-dataprep-rslex jsonschema msrest azure-core azure-mgmt-core python-dateutil
mltable: cryptography pyjwt pytz
mltable: azure-identity azure-storage-blob azure-common pyyaml pandas
mldesigner: azure-ai-ml packaging pydash pyyaml typing-extensions
azureml-inference-server-http: flask flask-cors gunicorn inference-schema opencensus-ext-azure psutil pydantic
azureml-inference-server-http: pydantic-settings waitress
azureml-inference-server-http: werkzeug requests azure-monitor-opentelemetry
inference-schema: python-dateutil pytz wrapt
great-expectations: altair cryptography jinja2 jsonschema marshmallow mistune numpy packaging pandas posthog pydantic
great-expectations: pyparsing
great-expectations: python-dateutil requests ruamel-yaml scipy tqdm typing-extensions tzlocal attrs click notebook
great-expectations: ipython ipywidgets
torch: numpy filelock typing-extensions sympy networkx jinja2 fsspec
pytorch: torch
torchvision: torch numpy pillow requests
transformers: numpy packaging pyyaml regex requests tokenizers huggingface-hub safetensors tqdm filelock typer
huggingface-hub: filelock fsspec packaging pyyaml requests tqdm typing-extensions httpx typer
datasets: numpy pyarrow pandas requests tqdm fsspec huggingface-hub packaging pyyaml filelock dill xxhash multiprocess
datasets: aiohttp httpx
accelerate: numpy packaging psutil pyyaml torch huggingface-hub safetensors
tensorflow: numpy protobuf keras tensorboard h5py requests packaging six typing-extensions wrapt absl-py grpcio rich
tensorflow: pillow markdown
python:
pip:
setuptools:
wheel:
ipykernel: ipython jupyter-client tornado pyzmq psutil packaging traitlets matplotlib-inline nest-asyncio debugpy comm
pytest: pluggy packaging iniconfig pygments
fsspec:
nltk: click joblib regex tqdm
tabulate:
prettytable: wcwidth
"""

_ALWAYS = {"pip", "setuptools", "pkg_resources", "wheel", "_distutils_hack", "conda"}
_FORMER = {
    "asynchat",
    "asyncore",
    "distutils",
    "imp",
    "smtpd",
    "cgi",
    "cgitb",
    "crypt",
    "pipes",
    "telnetlib",
    "tomllib",
}
_FORMER |= {"annotationlib", "compression", "string", "zoneinfo", "graphlib", "binhex", "formatter", "parser", "symbol"}


@cache
def _table(text: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for line in text.strip().splitlines():
        name, _, values = line.partition(":")
        found[name] = (*found.get(name, ()), *values.split())
    return found


def is_standard(module: str) -> bool:
    """Whether a module comes with Python, in some version of it, or with every conda environment."""
    top = module.partition(".")[0]
    return top in sys.stdlib_module_names or top in _ALWAYS or top in _FORMER


def packages_of(modules: Iterable[str]) -> tuple[str, ...]:
    """The packages that bring the most exact of the modules, `azure.ai.ml` rather than `azure`; none if not known."""
    table = _table(_MODULES)
    for module in sorted(modules, key=len, reverse=True):
        parts = module.split(".")
        for count in range(len(parts), 0, -1):
            found = table.get(".".join(parts[:count]))
            if found is not None:
                return found
    return ()


_NAMESPACES = {"azure", "azureml", "google", "ruamel", "zope", "backports", "jaraco", "sphinxcontrib"}


def is_namespace(module: str) -> bool:
    """Whether many packages share the top of a module's name, so that the top alone tells nothing."""
    return module.partition(".")[0] in _NAMESPACES


def is_known(package: str) -> bool:
    """Whether all that a package brings is in the table."""
    return package in _table(_BRINGS)


def brought(packages: Iterable[str]) -> frozenset[str]:
    """The packages and all that they bring, as far as that is known."""
    table = _table(_BRINGS)
    found: set[str] = set()
    todo = list(packages)
    while todo:
        package = todo.pop()
        if package not in found:
            found.add(package)
            todo += table.get(package, ())
    return frozenset(found)
