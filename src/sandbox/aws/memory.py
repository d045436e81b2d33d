"""What the extension remembers beside moto's own models, by account and region; a reset forgets it."""

from collections import defaultdict

_TABLES = defaultdict(dict)


def table(account, region, name):
    """A dictionary of this name for this account and region; global services use the region `aws`."""
    return _TABLES[account, region, name]


def tables(name):
    """All tables of this name, by account and region."""
    return {key[:2]: rows for key, rows in list(_TABLES.items()) if key[2] == name}


def reset():
    _TABLES.clear()
