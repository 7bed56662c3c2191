"""The catalogue: schemes, their services, fees, materials, forms and agreements, as data."""

from kiosk.catalogue.errors import CatalogueError
from kiosk.catalogue.loader import Catalogue, load
from kiosk.catalogue.models import (
    Agreement,
    Fee,
    FormField,
    FormSpec,
    Kind,
    Material,
    Offer,
    Operation,
    Option,
    Paper,
    ReviewLevel,
    Scheme,
    SealSpec,
    Service,
    Vendor,
    met,
)

__all__ = [
    "Agreement",
    "Catalogue",
    "CatalogueError",
    "Fee",
    "FormField",
    "FormSpec",
    "Kind",
    "Material",
    "Offer",
    "Operation",
    "Option",
    "Paper",
    "ReviewLevel",
    "Scheme",
    "SealSpec",
    "Service",
    "Vendor",
    "load",
    "met",
]
