"""The reference: an inventory of all public names, with the facts about each of them."""

from pellucid.reference.inventory import PublicName as PublicName
from pellucid.reference.inventory import find_public_names as find_public_names
from pellucid.reference.inventory import list_public_names as list_public_names
