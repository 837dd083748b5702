"""What packages of 2016 use of ``pkg_resources``, which setuptools removed in version 82."""

from importlib import metadata, resources
from types import SimpleNamespace

DistributionNotFound = metadata.PackageNotFoundError


def get_distribution(name):
    """Return the version of an installed package."""
    found = metadata.distribution(name)
    return SimpleNamespace(version=found.version, project_name=found.name, key=found.name.lower())


find_resource = lambda package, name: resources.files(package) / name
resource_filename = lambda package, name: str(find_resource(package, name))
resource_string = lambda package, name: find_resource(package, name).read_bytes()
resource_stream = lambda package, name: find_resource(package, name).open("rb")
resource_exists = lambda package, name: (file := find_resource(package, name)).is_file() or file.is_dir()
