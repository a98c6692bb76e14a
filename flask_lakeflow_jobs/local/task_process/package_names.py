"""Names of packages: how they are spelled, and which of them have which modules. Pure.

Two are the same if only case and separators differ (PEP 503).
"""

from __future__ import annotations

import re

#: The files in which a project gives its name.
PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg")
#: The packages that clusters of Databricks have, and that the environment of the app may lack, by
#: their modules. Source: the release notes of the Databricks runtimes. Packages of some gigabytes,
#: such as torch, are left out, and those of which every task has its own, such as pyspark. A module
#: with dots is below a namespace that several packages share.
CLUSTER_PACKAGES = {
    "azure.identity": "azure-identity",
    "azure.storage.blob": "azure-storage-blob",
    "azure.storage.filedatalake": "azure-storage-file-datalake",
    "boto3": "boto3",
    "botocore": "botocore",
    "cryptography": "cryptography",
    "dateutil": "python-dateutil",
    "google.cloud.storage": "google-cloud-storage",
    "hyperopt": "hyperopt",
    "IPython": "ipython",
    "ipywidgets": "ipywidgets",
    "jinja2": "Jinja2",
    "jmespath": "jmespath",
    "joblib": "joblib",
    "jwt": "PyJWT",
    "lightgbm": "lightgbm",
    "matplotlib": "matplotlib",
    "mlflow": "mlflow<3.14",  # later ones refuse to save some models
    "networkx": "networkx",
    "nltk": "nltk",
    "numpy": "numpy",
    "openai": "openai",
    "pandas": "pandas<3",
    "PIL": "pillow",
    "pkg_resources": "setuptools<81",
    "plotly": "plotly",
    "prophet": "prophet",
    "psutil": "psutil",
    "py4j": "py4j",
    "pydantic": "pydantic",
    "pyparsing": "pyparsing",
    "pytz": "pytz",
    "requests": "requests",
    "scipy": "scipy",
    "seaborn": "seaborn",
    "shap": "shap",
    "sklearn": "scikit-learn",
    "statsmodels": "statsmodels",
    "tenacity": "tenacity",
    "tqdm": "tqdm",
    "xgboost": "xgboost",
    "yaml": "PyYAML",
}
#: The modules of clusters that packages import without a requirement, by their names.
IMPLIED_MODULES = {
    "databricks-feature-engineering": ("py4j",),
    "dbldatagen": ("jmespath", "pyparsing"),
}


def package_of(requirement: str) -> str:
    """Return the name of the package in a requirement, such as ``cowsay>=6``."""
    return re.split(r"[\s(\[<>=!~;@]", requirement)[0]


def normalize_name(requirement: str) -> str:
    """Return the name of the package in a requirement, spelled as package indexes spell it."""
    return re.sub(r"[-_.]+", "-", package_of(requirement)).lower()


def declares(text: str, package: str) -> bool:
    """Return whether the text of a project file gives its project this name."""
    pattern = "[-_.]+".join(map(re.escape, re.split(r"[-_.]+", package)))
    declaration = rf"""\bname\s*=\s*["']?{pattern}["']?\s*(?:[,)]|$)"""
    return re.search(declaration, text, re.MULTILINE | re.IGNORECASE) is not None


def find_package(module: str) -> tuple[str, str] | None:
    """Return the module of a package that a name is in, and the package for ``pip install``."""
    while module:
        if module in CLUSTER_PACKAGES:
            return module, CLUSTER_PACKAGES[module]
        module = module.rpartition(".")[0]
    return None
