"""Countries of Europe whose chargers all share one time zone; those with distant islands in another are left out.

Codes are ISO 3166-1 alpha-3, as in a location of OCPI; zones are those of the IANA database (zone.tab), checked
2026-11-20. Büsingen in Germany has a zone of its own there, with the time of the rest of the country.
"""

from collections.abc import Mapping
from typing import Final

__all__ = ["ZONE_OF_COUNTRY"]

ZONE_OF_COUNTRY: Final[Mapping[str, str]] = {
    "ALB": "Europe/Tirane",
    "AND": "Europe/Andorra",
    "AUT": "Europe/Vienna",
    "BEL": "Europe/Brussels",
    "BGR": "Europe/Sofia",
    "BIH": "Europe/Sarajevo",
    "CHE": "Europe/Zurich",
    "CZE": "Europe/Prague",
    "DEU": "Europe/Berlin",
    "DNK": "Europe/Copenhagen",
    "EST": "Europe/Tallinn",
    "FIN": "Europe/Helsinki",
    "GBR": "Europe/London",
    "GRC": "Europe/Athens",
    "HRV": "Europe/Zagreb",
    "HUN": "Europe/Budapest",
    "IRL": "Europe/Dublin",
    "ISL": "Atlantic/Reykjavik",
    "ITA": "Europe/Rome",
    "LIE": "Europe/Vaduz",
    "LTU": "Europe/Vilnius",
    "LUX": "Europe/Luxembourg",
    "LVA": "Europe/Riga",
    "MCO": "Europe/Monaco",
    "MDA": "Europe/Chisinau",
    "MKD": "Europe/Skopje",
    "MLT": "Europe/Malta",
    "MNE": "Europe/Podgorica",
    "NLD": "Europe/Amsterdam",
    "NOR": "Europe/Oslo",
    "POL": "Europe/Warsaw",
    "ROU": "Europe/Bucharest",
    "SMR": "Europe/San_Marino",
    "SRB": "Europe/Belgrade",
    "SVK": "Europe/Bratislava",
    "SVN": "Europe/Ljubljana",
    "SWE": "Europe/Stockholm",
}
