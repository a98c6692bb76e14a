from setuptools import find_packages, setup

setup(name="shop", version="0.1.0", packages=find_packages(where="src"), package_dir={"": "src"})
