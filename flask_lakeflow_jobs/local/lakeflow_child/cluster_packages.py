"""The packages that clusters of Databricks have, and that the environment of the app may lack.

Source: the release notes of the Databricks runtimes. Packages of some gigabytes, such as torch, are
left out, and those of which every task has its own, such as pyspark.
"""

from __future__ import annotations

#: The package of each module. A module with dots is below a namespace that several packages share.
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
    "joblib": "joblib",
    "jwt": "PyJWT",
    "lightgbm": "lightgbm",
    "matplotlib": "matplotlib",
    "mlflow": "mlflow<3.5",  # that of the runtimes; later ones refuse to save some models
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
    "pydantic": "pydantic",
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


def find_package(module: str) -> tuple[str, str] | None:
    """Return the module of a package that a name is in, and the package for ``pip install``."""
    while module:
        if module in CLUSTER_PACKAGES:
            return module, CLUSTER_PACKAGES[module]
        module = module.rpartition(".")[0]
    return None
