"""What packages of 2016 use of ``pkg_resources``, which setuptools removed in version 82."""

from importlib import metadata, resources
from types import SimpleNamespace

DistributionNotFound = metadata.PackageNotFoundError


def get_distribution(name):
    """Return the version of an installed package."""
    found = metadata.distribution(name)
    return SimpleNamespace(version=found.version, project_name=found.name, key=found.name.lower())


def resource_filename(package, name):
    """Return the path of a file of a package."""
    return str(resources.files(package) / name)


def resource_string(package, name):
    return (resources.files(package) / name).read_bytes()


def resource_stream(package, name):
    return (resources.files(package) / name).open("rb")


def resource_exists(package, name):
    file = resources.files(package) / name
    return file.is_file() or file.is_dir()
